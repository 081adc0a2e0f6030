"""Errors of the Kubernetes API: an HTTP code with a `Status` object."""

from tools.lab.objects import Object


class ApiError(Exception):
    """A request that is refused. `reason` is the machine-readable word clients switch on."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message

    def as_status(self) -> Object:
        """The `Status` object for the body of the answer or for a watch's ERROR event."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }


def bad_request(message: str) -> ApiError:
    """The request cannot be understood."""
    return ApiError(400, "BadRequest", message)


def not_found(resource: str, name: str) -> ApiError:
    """No such object."""
    return ApiError(404, "NotFound", f'{resource} "{name}" not found')


def already_exists(resource: str, name: str) -> ApiError:
    """A create of what exists."""
    return ApiError(409, "AlreadyExists", f'{resource} "{name}" already exists')


def conflict(resource: str, name: str, why: str) -> ApiError:
    """The caller's view of the object is stale."""
    return ApiError(409, "Conflict", f'Operation cannot be fulfilled on {resource} "{name}": {why}')


def invalid(resource: str, name: str, why: str) -> ApiError:
    """Understood, and not allowed."""
    return ApiError(422, "Invalid", f'{resource} "{name}" is invalid: {why}')


def expired(version: int, oldest: int) -> ApiError:
    """A watch from a version that is no longer (or not yet) in the history: the client has to list again."""
    return ApiError(410, "Expired", f"too old resource version: {version} (oldest is {oldest})")


def success(resource: str, name: str, uid: str) -> Object:
    """The answer to a delete."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": name, "kind": resource, "uid": uid},
    }
