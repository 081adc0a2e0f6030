"""Answers to the first questions of clients: versions, groups, resources, OpenAPI.

kubectl refuses to apply without an OpenAPI document. It is satisfied by the least: v3 (kubectl >= 1.27)
names for each kind a PATCH with the parameter fieldValidation, which tells it that the server validates; v2
(older kubectl) is an empty protobuf document, in which an unknown kind is not validated at all.
"""

from tools.lab.apiserver.resources import RESOURCES, ServedResource, group_versions
from tools.lab.objects import Object

VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
STATUS_ROW: Object = {"verbs": ["get", "patch", "update"], "shortNames": [], "categories": []}
VERSION: Object = {
    "major": "1",
    "minor": "30",
    "gitVersion": "v1.30.0-vppd-lab",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "linux/amd64",
}
OPENAPI_V2 = b""


def discovery_documents() -> dict[str, Object]:
    """Path to JSON document, for every discovery path but /openapi/v2, which is protobuf."""
    pages: dict[str, Object] = {
        "/version": VERSION,
        "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
        "/apis": group_list(),
        "/openapi/v3": {"paths": {}},
    }
    for group, version in group_versions():
        path = f"apis/{group}/{version}" if group else f"api/{version}"
        pages[f"/{path}"] = resource_list(group, version)
        pages[f"/openapi/v3/{path}"] = openapi(group, version)
        pages["/openapi/v3"]["paths"][path] = {"serverRelativeURL": f"/openapi/v3/{path}"}
    for entry in pages["/apis"]["groups"]:
        pages[f"/apis/{entry['name']}"] = {"kind": "APIGroup", "apiVersion": "v1", **entry}
    return pages


def group_list() -> Object:
    """The groups but for the core group."""
    groups: dict[str, Object] = {}
    for group, version in group_versions():
        if group:
            entry = {"groupVersion": f"{group}/{version}", "version": version}
            api_group = groups.setdefault(group, {"name": group, "versions": [], "preferredVersion": entry})
            api_group["versions"].append(entry)
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": list(groups.values())}


def resource_list(group: str, version: str) -> Object:
    """The resources of one group and version, with their status sub-resources."""
    rows: list[Object] = []
    for resource in RESOURCES:
        if (resource.group, resource.version) == (group, version):
            rows.append(resource_row(resource))
            if resource.has_status:
                rows.append(resource_row(resource) | STATUS_ROW | {"name": f"{resource.plural}/status"})
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": rows}


def resource_row(resource: ServedResource) -> Object:
    """One line of a resource list."""
    return {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "shortNames": list(resource.short),
        "categories": list(resource.categories),
        "verbs": VERBS,
    }


def openapi(group: str, version: str) -> Object:
    """OpenAPI v3 of one group and version, without schemas."""
    paths: Object = {}
    for resource in RESOURCES:
        if (resource.group, resource.version) == (group, version):
            kind = {"group": group, "version": version, "kind": resource.kind}
            parameter = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
            answer = {"200": {"description": "OK"}}
            patch = {"parameters": [parameter], "responses": answer, "x-kubernetes-group-version-kind": kind}
            paths[path_template(resource)] = {"patch": patch}
    return {"openapi": "3.0.0", "info": {"title": "vppd lab", "version": "v1"}, "paths": paths}


def path_template(resource: ServedResource) -> str:
    """The path template of one object."""
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    space = "/namespaces/{namespace}" if resource.namespaced else ""
    return f"{root}{space}/{resource.plural}/{{name}}"
