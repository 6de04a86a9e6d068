"""Clean text that a machine, a user's file, a log line or AWS has written, before people or programs read it.

Control characters are removed first: a terminal must not obey them, and they must not hide a secret from the masks.
Every pattern takes linear time, since anybody who runs a program on an instance can write such a text. The probe
carries this module, so it imports nothing but the standard library.
"""

import re

MASK = "***"

_NON_ASCII_PATTERN = re.compile(r"[^\x20-\x7e]")

_TERMINAL_SEQUENCE_PATTERN = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n\r]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
    r"|[^\n\r]\x08"
)
"""Colors and cursor movements (CSI), titles, links and the clipboard (OSC and similar), shorter sequences, and a
character that is typed over. A sequence without an end does not hide the next line.
https://ecma-international.org/publications-and-standards/standards/ecma-48/"""

_LINE_END_PATTERN = re.compile(r"\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_SPACES_PATTERN = re.compile(r"[^\S\n]")

_PRIVATE_KEY_PATTERN = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----"
    r"(?:(?!-----END ).)*+(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----)?",
    re.DOTALL,
)

_TOKEN_PATTERN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|(?:gh[opsur]|github_pat|hf|api_org|npm|dckr_[op]at|dop_v1|gsk|r8|wandb_v1|whsec|shpat|lin_api|[rsp]k_(?:live|test))"
    r"_(?:[A-Za-z0-9]{16}|(?=[a-z]*[A-Z0-9])[A-Za-z0-9]{8})[\w+/=-]*"
    r"|(?:sk|gl[a-z]{2,4}|xox[a-z]|xapp|nvapi|tskey|pplx|xai|GOCSPX|AGE-SECRET-KEY)-[\w.-]{16,}|pypi-Ag[\w-]{16,}"
    r"|(?:AIza|dapi|ya29\.|hv[bsr]\.|SG\.|ATATT3)[\w.-]{20,}"
    r"|eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*){0,3}"
    r")"
)
"""Tokens that can be recognized by their form: AWS, GitHub, GitLab, Hugging Face, Weights & Biases, OpenAI, Slack,
NVIDIA, PyPI, Google, JSON Web Tokens and others."""

_HINT_PATTERN = re.compile(r"(?i)[=@:<\"']|(?<!\S)-|[a-z0-9]_[a-z0-9]{8}|key|token|login|bearer|[\w.-]{18}")
"""Something that every secret contains, to return quickly from a text without any."""

_REPLACEMENTS = (
    (_PRIVATE_KEY_PATTERN, MASK),
    (re.compile(r"(?<=://)[^/\s\"'<>]+@"), f"{MASK}@"),
    (re.compile(r"(?i)(hooks\.slack\.com/|discord(?:app)?\.com/api/webhooks/)[^\s\"'<>]+"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b(bearer[ \t]+)[\w.~+/=-]{8,}"), rf"\1{MASK}"),
    (re.compile(r"(?i)(<([\w.-]{0,40}(?:key|secret|token|passw|credential)[\w.-]{0,40})>)[^<\n]+"), rf"\1{MASK}"),
    (re.compile(r"(?i)(\blogin[ \t]+\S+[ \t]+password[ \t]+)\S+"), rf"\1{MASK}"),
    (
        re.compile(r"(?<!\S)((?:-u|--user)[ \t=]+)(?!\d+:\d+(?!\S))[^\s:]+:\S+|(\bsshpass[ \t]+-p[ \t]*)\S+"),
        rf"\1\2{MASK}",
    ),
    (_TOKEN_PATTERN, MASK),
)

_NAME_PATTERN = re.compile(
    r"(?<![\w.-])(?P<name>[\w.%-]++)(?P<separator>\\*[\"']?\]?[ \t]*(?::=|=>|=|:(?!//))[ \t]*)"
    r"|(?<![\w-])--(?P<option>[\w.-]++)(?P<space>[ \t]++)(?!-)"
)
"""A name before a value: `name=`, `name:`, `"name":`, `--name `."""

_SECRET_NAME_PATTERN = re.compile(
    r"(?i)key|secret|token|passw|passphrase|passcode|credential|authorization|cookie|signature"
    r"|(?:^|[_.-])(?:auth|pwd|pass|creds?|psk|sig|jwt|otp)(?:$|[_.-])"
)
_HARMLESS_NAME_PATTERN = re.compile(
    r"(?i)keyring|keyboard|keyword|keyserver|keyframe|monkey|hotkey|tokeni[sz]er|authorized_keys|known_hosts|public[_-]?key"
    r"|(?-i:[\w.]*(?:Error|Exception|Warning|NotFound)$|(?:Client|Server)\.[\w.]*)"
)
_FILE_NAME_PATTERN = re.compile(r"\.(?:sh|pyc?|json|gpg|asc|pem|key|pub|txt|md|ya?ml|toml|c(?:fg|onf|pp)?|h|js|ts|so)$")
"""A file name before a colon belongs to a message: `secrets.sh: line 3: not found`."""

_HEADER_NAME_PATTERN = re.compile(r"(?i)authorization|cookie")

_QUOTE_PATTERN = re.compile(r"\\*[\"']")
_HEADER_VALUE_PATTERN = re.compile(r"[^\"'\\\n]+")
_VALUE_PATTERN = re.compile(
    r"\"(?:[^\"\\\n]|\\.)*+\"?"
    r"|'(?:[^'\\\n]|\\.)*+'?"
    r"|\\+\"(?:(?!\\+\")[^\n])*+(?:\\+\")?"
    r"|\[[^\]\n]*+\]*+|\{[^}\n]*+\}*+"
    r"|[^\s&]+"
)


def clean_line(text: str) -> str:
    """Return the text on one line, without control characters and secrets."""
    return _mask_secrets(strip_to_line(text))


def clean_output(text: str) -> str:
    """Return the output of a program without control characters and secrets. Its lines stay."""
    return _mask_secrets(_strip_control_characters(text))


def strip_to_line(text: str) -> str:
    """Return the text on one line, without control characters.

    It is for names, and for texts of gpudesk with parts that were cleaned before: masks would change them.
    """
    return text if text.isprintable() else " ".join(_strip_control_characters(text).split())


def to_ascii(text: str) -> str:
    """Return the text on one line of printable ASCII, with a question mark for every other character."""
    return _NON_ASCII_PATTERN.sub("?", " ".join(text.split()))


def _strip_control_characters(text: str) -> str:
    """Return the text without terminal sequences, and without characters that are not shown or change the direction.

    Lines stay, however they end, and every other white space becomes a space.
    """
    if text.isprintable():
        return text
    lines = _LINE_END_PATTERN.sub("\n", _TERMINAL_SEQUENCE_PATTERN.sub("", text))
    spaced = _SPACES_PATTERN.sub(" ", lines)
    return "".join(character for character in spaced if character.isprintable() or character == "\n")


def _mask_secrets(text: str) -> str:
    """Return the text with the values of names that look like a secret, and with known tokens, replaced by ***."""
    if not _HINT_PATTERN.search(text):
        return text
    for pattern, replacement in _REPLACEMENTS:
        text = pattern.sub(replacement, text)
    return _mask_named_values(text)


def _mask_named_values(text: str) -> str:
    parts, end = [], 0
    for match in _NAME_PATTERN.finditer(text):
        if match.start() < end or not _is_secret_name(match):
            continue
        name = match["name"] or match["option"]
        pattern = _VALUE_PATTERN
        if _HEADER_NAME_PATTERN.search(name) and text[match.end() : match.end() + 1] not in ("'", '"', "\\", "[", "{"):
            pattern = _HEADER_VALUE_PATTERN
        value = pattern.match(text, match.end())
        if value:
            quote = _QUOTE_PATTERN.match(value[0])
            parts += [text[end : match.end()], f"{quote[0]}{MASK}{quote[0]}" if quote else MASK]
            end = value.end()
    return "".join([*parts, text[end:]])


def _is_secret_name(match: "re.Match[str]") -> bool:
    name = match["name"] or match["option"]
    is_file = match["name"] and match["separator"] == ": " and _FILE_NAME_PATTERN.search(name)
    return not is_file and bool(_SECRET_NAME_PATTERN.search(_HARMLESS_NAME_PATTERN.sub("", name)))
