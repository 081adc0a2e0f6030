"""`vppd completion bash`: commands by what the parser knows, names by what is on the bus."""

import argparse
from collections.abc import Iterator

SCRIPT = """\
# vppd completion bash > /etc/bash_completion.d/vppd
_vppd() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} names=""
    local IFS=$' \\t\\n'
    case $before in
        -p|--process) names=$(vppd tap names processes 2>/dev/null) ;;
        -w|--word) names=$(vppd tap names words 2>/dev/null) ;;
        -k|--key) names=$(vppd tap names keys 2>/dev/null) ;;
        -c|--cause|--follow) names=$(vppd tap names causes 2>/dev/null) ;;
        *) case "${{COMP_WORDS[*]:0:COMP_CWORD}}" in
{cases}
        esac ;;
    esac
    COMPREPLY=($(compgen -W "$names" -- "$word"))
    [ -n "${{COMPREPLY[*]}}" ] || COMPREPLY=($(compgen -f -- "$word"))
}}
complete -F _vppd vppd
"""


HELP = "completion of commands and names, for a shell"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The shell."""
    parser.add_argument("shell", choices=["bash"])


def run(options: argparse.Namespace) -> int:
    """Prints the script; `options.root` is the parser of all commands."""
    commands = sorted(_tree("vppd", options.root), key=lambda entry: len(entry[0]), reverse=True)
    # The longest command line first: bash takes the first that fits.
    cases = [f'            "{words}"*) names="{" ".join(names)}" ;;' for words, names in commands]
    print(SCRIPT.format(cases="\n".join(cases)), end="")
    return 0


def _tree(words: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[str]]]:
    """(command line so far, what may follow), for every command."""
    options = [name for action in parser._actions for name in action.option_strings if name.startswith("--")]
    subs = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    yield words, [*(name for sub in subs for name in sub.choices), *options]
    for sub in subs:
        for name, child in sub.choices.items():
            yield from _tree(f"{words} {name}", child)
