"""The behaviour follows the variables, not only the files."""

import base64
import time

import pytest
from standardwebhooks import Webhook
from story import NAME, ROOM_RELAY, Story
from testinfra.host import Host

from shared import application, inventory

LEAD = 2
RATE = 8
LATE = 3.0
"""Seconds by which a receiver has the last of the twelve: at 8 a second 1.4, and the way there."""


@pytest.fixture(params=["/hook", "/exec", "token"])
def path(request: pytest.FixtureRequest) -> str:
    """Each way in which the receiver hears of a meeting."""
    return f"/token-{inventory.secret('token')}" if request.param == "token" else str(request.param)


def test_every_meeting_arrives_once_for_each_transition(story: Story, path: str) -> None:
    for meeting in story.meetings:
        assert [one.data["type"] for one in story.received.of(meeting.id, path)] == [
            "meeting.live",
            "meeting.ended",
        ]


def test_every_announcement_leads_by_2_s(story: Story, path: str) -> None:
    for meeting in story.meetings:
        arrived = [one.arrived for one in story.received.of(meeting.id, path)]
        ahead = [at - one for one, at in zip(arrived, (meeting.starts, meeting.ends), strict=True)]
        assert all(LEAD - LATE <= seconds <= LEAD for seconds in ahead), ahead


def test_no_receiver_gets_more_than_8_a_second(story: Story, path: str) -> None:
    for transition in (0, 1):
        arrived = sorted(story.received.of(one.id, path)[transition].arrived for one in story.meetings)
        # Without the limit it would be four rounds of 0.1 s. A little less, since requests do not take equally long.
        assert arrived[-1] - arrived[0] > (len(arrived) - 1) / RATE - 0.25


def test_the_webhook_is_signed_and_an_independent_library_verifies_it(story: Story) -> None:
    secret = base64.b64encode(inventory.secret("webhook_key").encode()).decode()
    for one in story.received.of(story.meetings[0].id, "/hook"):
        headers = {name.lower(): value for name, value in one.headers.items()}
        assert Webhook(f"whsec_{secret}").verify(one.body, headers)["type"] == one.data["type"]
        with pytest.raises(Exception, match="No matching signature"):
            Webhook("whsec_" + base64.b64encode(b"another").decode()).verify(one.body, headers)


def test_the_program_gets_a_clean_environment_and_no_arguments(story: Story) -> None:
    (live, _) = story.received.of(story.meetings[0].id, "/exec")
    names = set(live.headers["X-Environment"].split())
    assert names <= {"HIVETALK_MESSAGE_ID", "HIVETALK_TRANSITION", "LANG", "LC_CTYPE", "PATH", "PWD"}
    assert live.headers["X-Arguments"] == "0"


def test_the_rooms_address_follows_room_url(story: Story) -> None:
    assert {one.data["data"]["room_url"] for one in story.received.requests} == {
        "https://meet.example/r/lab?from=lab"
    }


def test_no_more_than_3_requests_are_in_flight_at_one_receiver(story: Story) -> None:
    assert story.received.most_at_once == 3


def test_a_receiver_that_never_answers_gets_2_attempts_of_2_s_each(host: Host, story: Story) -> None:
    deadline = time.time() + 60
    while time.time() < deadline:
        rows = [row for one in story.meetings for row in application.deliveries(host, one.id)]
        slow = [row for row in rows if row["destination"].endswith("/slow")]
        dead = [row for row in slow if row["state"] == "dead"]
        if dead:
            break
        time.sleep(2)
    # Not all of them: a destination that fails again and again rests for a while.
    assert dead and {(row["attempts"], row["answer"]) for row in dead} == {(2, "no answer within 2 s")}
    assert all(row["attempts"] < 2 for row in slow if row["state"] != "dead")
    attempts: dict[str, list[bytes]] = {}
    for request in story.received.requests:
        if request.path == "/slow":
            attempts.setdefault(str(request.headers["webhook-id"]), []).append(request.body)
    assert any(len(bodies) == 2 for bodies in attempts.values())
    # Again, not anew: one id, one body.
    assert all(len(set(bodies)) == 1 for bodies in attempts.values())


def test_a_receiver_that_never_answers_holds_up_no_other(host: Host, story: Story) -> None:
    rows = [row for one in story.meetings for row in application.deliveries(host, one.id)]
    others = [
        row for row in rows if not row["destination"].endswith("/slow") and row["transition"] != "refresh"
    ]
    assert {(row["state"], row["attempts"]) for row in others} == {("delivered", 1)}
    assert len(others) == len(story.meetings) * 2 * 4


def test_the_rooms_own_relay_hears_of_it_and_is_refreshed_while_it_runs(story: Story) -> None:
    for meeting in story.meetings:
        heard = [one for one in story.at_the_relay if one.tag("d") == [meeting.id]]
        # Due every 10 s, and written by the runs, which are 10 s apart: one of them may come too late for the last.
        said = [one.status for one in heard]
        assert said in (["live", "live", "ended"], ["live", "live", "live", "ended"])
        assert all(one.tag("t") == ["tuned"] for one in heard)
        assert sorted({one.event["created_at"] for one in heard}) == [
            one.event["created_at"] for one in heard
        ]


def test_what_is_later_than_max_lateness_expires_and_says_so(host: Host, story: Story) -> None:
    rows = application.deliveries(host, story.stale.id)
    assert rows and {(row["transition"], row["state"]) for row in rows} == {("live", "expired")}
    assert ROOM_RELAY in {row["destination"] for row in rows}
    assert not [one for one in story.received.requests if one.data["data"]["event_id"] == story.stale.id]


def test_what_is_older_than_the_retention_is_forgotten_and_nothing_else(host: Host, story: Story) -> None:
    assert application.deliveries(host, "forgotten") == []
    assert len(application.deliveries(host, "kept")) == 1


def test_the_applications_table_is_left_alone(host: Host, story: Story) -> None:
    rows = application.query(host, "SELECT DISTINCT status, nostr_event_id FROM events")
    assert rows == [{"status": "planned", "nostr_event_id": None}]


def test_each_run_looks_90_s_back_and_40_s_ahead(host: Host, story: Story) -> None:
    runs = application.runs(host)
    assert [run.ahead for run in runs] == [40] * len(runs)
    assert runs[0].behind == 90
    assert all(run.behind >= 90 and run.window_from >= runs[0].window_from for run in runs)


def test_the_runs_are_10_s_apart(host: Host, story: Story) -> None:
    gaps = [run.gap for run in application.runs(host)[1:]]
    # A run that holds goes on until the next tick has surely passed; the next one starts then, not a tick later.
    assert len(gaps) >= 3
    assert sum(gaps) / len(gaps) < 11 and max(gaps) < 16, gaps


def test_the_secret_destination_is_shown_nowhere(host: Host, story: Story) -> None:
    token = inventory.secret("token")
    labels = {row["destination"] for row in application.deliveries(host, story.meetings[0].id)}
    assert len(labels) == 5 and not any(token in label for label in labels)
    for text in (
        host.check_output("journalctl --no-pager --output=export --all | tr -cd '\\11\\12\\40-\\176'"),
        host.check_output(f"systemctl show {NAME}.service {NAME}.timer"),
        host.check_output("sudo -u postgres pg_dump --schema=hivetalk_scheduler hivetalk"),
        inventory.deploy_log(),
    ):
        assert "hivetalk" in text and token not in text


def test_a_run_reaches_no_network_but_those_named_and_sees_few_files(story: Story) -> None:
    (live, _) = story.received.of(story.meetings[0].id, "/exec")
    # It has reached the receiver; to another address the kernel lets nothing out.
    assert live.headers["X-Elsewhere"] == "EPERM"
    seen = set(live.headers["X-Files"].split())
    assert {"etc", "opt", "usr"} <= seen
    # A directory may be there to be mounted over, but with nothing in it.
    assert seen & {"boot", "home", "media", "mnt", "root", "srv"} == set()
