"""Text of machines, users and AWS: nothing for the terminal to obey, and no secret."""

import time

import pytest

from chalicelib.domain.common.untrusted_text import clean_line, clean_output, strip_to_line

ALNUM = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"


@pytest.mark.parametrize(
    "text",
    [
        "AWS_SECRET_ACCESS_KEY=hunter2",
        "export WANDB_API_KEY='hunter2'",
        "MYKEY=hunter2",
        "CLIENT_SECRET=hunter2",
        "server.key=hunter2",
        "invalid_token=hunter2",
        "TOKENIZER_API_KEY=hunter2",
        "KEY_ERROR=hunter2",
        "Secret Access Key: hunter2",
        "KEY_OLD: hunter2",
        "Authorization: Bearer hunter2",
        'curl -H "authorization: Basic hunter2" https://example.org',
        "{'Authorization': 'token hunter2', 'Accept': '*/*'}",
        "Cookie: _xsrf=1; session=hunter2",
        "the header was Bearer hunter2hunter2",
        '{"user": "ada", "password": "hunter2"}',
        '{"password" : "a\\"b hunter2"}',
        r"body: {\"db_passwd\": \"hunter2\"}",
        '"secrets": ["a", "hunter2"]',
        "DB_PASS=hunter2",
        "_auth=hunter2",
        "train.py --hf-token hunter2 --lr 0.1",
        "--password=hunter2",
        'os.environ["OPENAI_API_KEY"] = "hunter2"',
        "error=token=hunter2",
        "passphrase => 'hunter2'",
        "ACCOUNT_KEY := hunter2",
        "git clone https://ada:hun/ter2@example.org/x.git https://ada:p@hunter2@example.org",
        "curl -u ada:hunter2 https://example.org",
        "machine example.org login ada password hunter2",
        "<SecretAccessKey>hunter2</SecretAccessKey>",
        "https://bucket.s3.amazonaws.com/a?X-Amz-Credential=hunter2&X-Amz-Signature=hunter2&X-Amz-Expires=60",
        "https://account.blob.core.windows.net/a?se=2026&sig=hunter2",
        "https://hooks.slack.com/services/T0/B0/hunter2",
        "-----BEGIN RSA PRIVATE KEY----- hunter2 -----END RSA PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY----- hunter2",
    ],
)
def test_secret_is_masked_by_its_name(text: str) -> None:
    masked = clean_line(text)
    assert "hunter2" not in masked.replace("hun/ter2", "")
    assert "***" in masked
    assert clean_line(masked) == masked


@pytest.mark.parametrize(
    "token",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + ALNUM,
        "github_pat_11ABCDEFG0_" + ALNUM,
        "glpat-" + ALNUM[:20],
        "hf_" + ALNUM[:34],
        "hf_abcdefghijklmnopqrstuvwxyzabcdefgh",
        "sk-proj-" + ALNUM,
        "xoxb-123456789012-" + ALNUM[:12],
        "nvapi-" + ALNUM,
        "pypi-AgEIcHlwaS5vcmc" + ALNUM,
        "AIzaSy" + ALNUM,
        "npm_" + ALNUM,
        "whsec_" + ALNUM,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def-ghi",
    ],
)
def test_token_is_masked_by_its_form(token: str) -> None:
    assert clean_line(f"refused: {token}, try again") == "refused: ***, try again"
    assert clean_line(token) == "***"


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'loss'",
        "InvalidKeyPair.NotFound: The key pair ada does not exist",
        "Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state",
        "W: GPG error: https://example.org: the public key is not available: NO_PUBKEY A4B469963BF863CC",
        "/usr/share/keyrings/cuda-archive-keyring.gpg: No such file",
        "secrets.sh: line 3: foo: command not found",
        "OSError: Can't load tokenizer: bert",
        "docker run -u 1000:1000 image",
        "skimage.transform.pyramids_of_images and hf_hub_download and npm_lifecycle_event",
        "Successfully installed pypi-mirror-of-something-long-0.1",
        "https://pypi.org/simple/numpy: 404",
        "GPU 1 of 8 at 97 %",
        "E: Unable to locate package libfoo",
        "Commit 9dc858229fc7dd38854ae2d88d81803c0ebfcd88 is checked out.",
    ],
)
def test_text_without_a_secret_stays(text: str) -> None:
    assert clean_line(text) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\x1b[1;31mERROR\x1b[0m: no space", "ERROR: no space"),
        ("\x9b31mERROR: red", "ERROR: red"),
        ("a\x00b\x07c", "abc"),
        ("\x1b]0;title\x07shown", "shown"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;aGk=\nnext line", "next line"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("\x1b(Bplain\x1bc", "plain"),
        ("evil \u202egnp.exe\u2069 and \u200bzero\ufeff", "evil gnp.exe and zero"),
        ("b\bbold", "bold"),
        ("10 %\r20 %\r\n30 %\u2028end\ttab\xa0nbsp", "10 % 20 % 30 % end tab nbsp"),
        ("half \ud800 character", "half character"),
        ("\U000e0041tag", "tag"),
        ("Grüße, 東京, ✓", "Grüße, 東京, ✓"),
    ],
)
def test_line_has_nothing_that_a_terminal_obeys_or_does_not_show(text: str, line: str) -> None:
    assert strip_to_line(text) == line


def test_secret_is_not_hidden_by_control_characters() -> None:
    assert clean_line("pass\x1b[0mword=hun\x00ter2 to\u200bken=x") == "password=*** token=***"


def test_lines_of_an_output_stay() -> None:
    output = "one\r\n\x1b[32mtwo\x1b[0m\n-----BEGIN PRIVATE KEY-----\nMIIE\nBAAA\n-----END PRIVATE KEY-----\nthree\n"
    assert clean_output(output) == "one\ntwo\n***\nthree\n"


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "key",
        "key=",
        "://a@",
        "\x1b[",
        "\x1b]",
        '"key": "',
        "--key ",
        "eyJaaaaaaaaa.",
        "a\b",
        "\\",
        "key\\",
        "sk-a-",
    ],
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    started = time.process_time()
    clean_output(piece * (24_000 // len(piece)))
    assert time.process_time() - started < 0.5, "quadratic time would be more than ten times as long"
