"""What the server writes down."""

import json
import logging

import pytest

from visavis.server.logs import LoggedRequest, RequestLog, _Json, _Text


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _refused(error: str, status: int = 401, reason: str = "") -> LoggedRequest:
    return LoggedRequest("id1", "10.0.0.9", "GET", "/v1/info", status, 0.25, error, reason)


def test_refusals_of_one_kind_are_no_flood(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = RequestLog(False, clock)
    with caplog.at_level(logging.INFO, "visavis"):
        for _ in range(200):
            log.note(_refused("UnauthorizedError"))
        assert len(caplog.records) == 10
        log.note(_refused("ForbiddenError", 403))  # another kind has lines of its own
        clock.now += 1
        log.note(_refused("UnauthorizedError"))
    assert caplog.records[-1].message == "and 190 like it before"
    assert len(caplog.records) == 12


def test_what_succeeds_is_written_down_only_where_that_is_wanted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "visavis"):
        RequestLog(False).note(_refused("", 200))
        assert not caplog.records
        RequestLog(True).note(_refused("", 200))
    [record] = caplog.records
    assert json.loads(_Json().format(record)) | {"time": ""} == {
        "time": "",
        "level": "INFO",
        "request_id": "id1",
        "client": "10.0.0.9",
        "method": "GET",
        "route": "/v1/info",
        "status": 200,
        "ms": 0.25,
    }


def test_one_event_is_one_line_whatever_it_says() -> None:
    record = logging.LogRecord("visavis.server", logging.WARNING, "", 0, "%s", ("two",), None)
    odd = "gone\nERROR forged\x1b[2J\x85\u2028"
    record.request = _refused("StoreError", 503, odd)
    text = _Text().format(record)
    assert "\n" not in text
    assert text.endswith(
        "Z WARNING id1 10.0.0.9 GET /v1/info 503 0.2 ms "
        "StoreError gone\\nERROR forged\\x1b[2J\\x85\\u2028 two"
    )
    assert "\n" not in _Json().format(record)
