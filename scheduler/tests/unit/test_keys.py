"""Keys are read as NIP-19 and BIP-173 say, and no error message holds a secret."""

import base64

import nostr_sdk
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hivetalk_scheduler import keys
from tests.messages import SECRET, event

# The example pair of NIP-19.
NSEC = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
NSEC_HEX = "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa"
NPUB = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
NPUB_HEX = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"


def other() -> nostr_sdk.Keys:
    return nostr_sdk.Keys.generate()


def test_the_example_of_nip_19_decodes_to_its_hexadecimal_key() -> None:
    assert keys.secret_key(NSEC).hex() == NSEC_HEX


def test_an_nsec_in_capitals_or_with_white_space_around_it_is_the_same_key() -> None:
    assert keys.secret_key(f" {NSEC.upper()}\n").hex() == NSEC_HEX


def test_a_hexadecimal_key_is_taken() -> None:
    assert keys.secret_key(NSEC_HEX.upper()).hex() == NSEC_HEX


@settings(deadline=None, max_examples=50)
@given(st.binary(min_size=32, max_size=32).filter(lambda b: 0 < int.from_bytes(b, "big") < 2**255))
def test_what_another_library_encodes_is_decoded_and_gives_the_same_public_key(secret: bytes) -> None:
    theirs = nostr_sdk.Keys.parse(secret.hex())
    assert keys.secret_key(theirs.secret_key().to_bech32()) == secret
    assert keys.public_key(secret).hex() == theirs.public_key().to_hex()


@settings(deadline=None)
@given(st.integers(0, len(NSEC) - 1), st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l"))
def test_one_wrong_character_is_always_found_and_never_shown(place: int, character: str) -> None:
    wrong = NSEC[:place] + character + NSEC[place + 1 :]
    if wrong == NSEC:
        return
    with pytest.raises(ValueError, match="credential nostr_nsec is not an nsec") as caught:
        keys.secret_key(wrong)
    assert wrong[5:] not in str(caught.value)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "nsec1",
        NPUB,
        NSEC[:-1],
        NSEC + "q",
        "nsec1" + "b" * 58,
        "Nsec1" + NSEC[5:],
        "z" * 64,
        "ab" * 31,
        "\N{SNOWMAN}" * 64,
        "nsec1" + "q" * 100_000,
    ],
)
def test_what_is_no_nsec_is_refused_with_the_field_and_the_form_it_takes(bad: str) -> None:
    with pytest.raises(ValueError, match=r"^the field is not an nsec: "):
        keys.secret_key(bad, "the field")


def test_an_nsec_whose_checksum_is_right_but_whose_padding_is_not_zero_is_refused() -> None:
    charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    values = [charset.index(c) for c in NSEC[5:-6]]
    values[-1] ^= 1
    checksum = keys._polymod("nsec", [*values, 0, 0, 0, 0, 0, 0]) ^ 1
    values += [checksum >> 5 * place & 31 for place in range(5, -1, -1)]
    with pytest.raises(ValueError, match="58 characters"):
        keys.secret_key("nsec1" + "".join(charset[v] for v in values))


@pytest.mark.parametrize("bad", ["00" * 32, "ff" * 32])
def test_a_number_that_the_curve_does_not_have_is_refused_without_showing_it(bad: str) -> None:
    with pytest.raises(ValueError, match="credential nostr_nsec is not a key of secp256k1") as caught:
        keys.secret_key(bad)
    assert bad not in str(caught.value)


def test_the_room_signs_with_its_own_key() -> None:
    assert keys.signing_key(event(room_nsec=NSEC), SECRET.hex()).hex() == NSEC_HEX


@pytest.mark.parametrize("npub", [NPUB, NPUB_HEX, NPUB.upper(), None, "", " "])
def test_the_npub_of_the_rooms_key_is_accepted_and_may_be_left_out(npub: str | None) -> None:
    assert keys.signing_key(event(room_nsec=NSEC, room_npub=npub), None).hex() == NSEC_HEX


def test_an_npub_of_another_key_is_refused_and_neither_is_shown() -> None:
    """Where the two columns are swapped, what stands in room_npub is the secret."""
    for npub in (other().public_key().to_bech32(), other().secret_key().to_hex()):
        with pytest.raises(ValueError, match=r"room_info\.room_npub is not the key of room_nsec") as caught:
            keys.signing_key(event(room_nsec=NSEC, room_npub=npub), SECRET.hex())
        assert NSEC not in str(caught.value) and npub not in str(caught.value)


def test_a_bad_nsec_of_the_room_is_an_error_and_not_a_reason_to_sign_with_another_key() -> None:
    with pytest.raises(ValueError, match=r"room_info\.room_nsec is not an nsec") as caught:
        keys.signing_key(event(room_nsec="nsec1secret"), SECRET.hex())
    assert "secret" not in str(caught.value)


def test_a_bad_npub_is_named() -> None:
    with pytest.raises(ValueError, match=r"room_info\.room_npub is not an npub"):
        keys.signing_key(event(room_nsec=NSEC, room_npub="alice"), None)


@pytest.mark.parametrize("nsec", [None, "", " "])
def test_a_room_without_key_takes_the_credential(nsec: str | None) -> None:
    assert keys.signing_key(event(room_nsec=nsec), SECRET.hex()) == SECRET


def test_without_any_key_both_places_to_set_one_are_named() -> None:
    with pytest.raises(ValueError, match=r"set room_info\.room_nsec .* or the credential nostr_nsec"):
        keys.signing_key(event(), None)


def test_a_webhook_secret_is_base64_after_whsec_and_else_the_text_itself() -> None:
    assert keys.webhook_key("whsec_" + base64.b64encode(b"\x00key\xff").decode()) == b"\x00key\xff"
    assert keys.webhook_key("a plain secret") == b"a plain secret"


@pytest.mark.parametrize("bad", ["whsec_", "whsec_abc", "whsec_YWJj!YWJj"])
def test_a_webhook_secret_that_is_cut_off_is_refused_without_showing_it(bad: str) -> None:
    with pytest.raises(ValueError, match="webhook_secret is not base64 after whsec_") as caught:
        keys.webhook_key(bad)
    assert bad == "whsec_" or bad.removeprefix("whsec_") not in str(caught.value)
