"""What an object storage refuses, or does not answer, in one sentence each."""

import errno
from typing import Any, NamedTuple

from visavis.buckets.address import Address
from visavis.errors import ObjectStorageError

_REFUSED = "the credentials are refused ({code}); are key and secret those of this server?"
_EXPIRED = "the credentials are refused ({code}): they have expired, or a clock is wrong"
_ELSEWHERE = "the bucket is in another region ({code}); set AWS_REGION to that"
_OF_ALL = {
    "NoSuchBucket": "there is no such bucket",
    "InvalidAccessKeyId": _REFUSED,
    "SignatureDoesNotMatch": _REFUSED,
    "InvalidToken": _REFUSED,
    "InvalidSecurity": _REFUSED,
    "NotSignedUp": _REFUSED,
    "AuthFailure": _REFUSED,
    "ExpiredToken": _EXPIRED,
    "RequestTimeTooSkewed": _EXPIRED,
    "PermanentRedirect": _ELSEWHERE,
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    "IllegalLocationConstraintException": _ELSEWHERE,
    "301": _ELSEWHERE,
}
_OF_ONE = {
    "NoSuchKey": (errno.ENOENT, "there is no such object"),
    "404": (errno.ENOENT, "there is no such object"),
    "PreconditionFailed": (errno.ESTALE, "another object took its place while it was read"),
    "412": (errno.ESTALE, "another object took its place while it was read"),
    "InvalidObjectState": (errno.EBUSY, "it is in an archive (Glacier); restore it first"),
}
_BUSY = frozenset(
    ("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "OperationAborted")
)
_DENIED = frozenset(("AccessDenied", "AllAccessDisabled", "AccountProblem"))
_NO_KEYS = (
    "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
)


class BrokenOffError(Exception):
    """An answer ended before its end."""


class Refusal(NamedTuple):
    """Why a request failed."""

    error: Exception
    """An OSError where it is this one object's trouble, else an ObjectStorageError."""
    again: str = ""
    """Why, where it may work a moment later."""

    def of_one(self, asked: "Asked") -> OSError:
        """The same, where everything else is answered."""
        return OSError(errno.EIO, f"{self.again} (of this object alone)", str(asked.place))


class Asked(NamedTuple):
    """What was asked of whom."""

    place: Address
    endpoint: str
    signed: bool
    """Whether there were credentials."""
    one: bool = True
    """Whether it was about this one object, and not about all of the bucket."""

    def trouble(self, reason: str) -> ObjectStorageError:
        """What keeps everything there from being read."""
        return ObjectStorageError(f"{self.place.top} ({self.endpoint}): {reason}")


def understood(error: Exception, asked: Asked) -> Refusal | None:
    """What an error of the client means; None for one that is no business of the storage."""
    from botocore import exceptions as known  # some are OSErrors as well
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    match error:
        case known.ClientError():
            return _answered(error.response, asked)
        case known.ConnectionError() | known.HTTPClientError() | HTTPError() | BrokenOffError():
            return _unanswered(error, asked)
        case known.ProfileNotFound():
            return Refusal(asked.trouble(f"{error}; set AWS_PROFILE to another"))
        case known.NoCredentialsError():
            return Refusal(asked.trouble(_NO_KEYS))
        case ResponseParserError():
            return Refusal(asked.trouble(_NOT_S3))
        case known.ParamValidationError():
            return Refusal(_of_one(errno.EINVAL, f"no such object can be ({error})", asked))
        case known.BotoCoreError():  # partial credentials, an expired login, a role not taken …
            return Refusal(asked.trouble(f"no credentials could be had ({error})"))
        case _:
            return None


_NOT_S3 = "what answers there does not speak S3; is AWS_ENDPOINT_URL right?"


def _unanswered(error: Exception, asked: Asked) -> Refusal:
    from botocore import exceptions as known
    from urllib3.exceptions import TimeoutError as TooLateError

    match error:
        case known.ReadTimeoutError() | known.ConnectTimeoutError() | TooLateError():
            return _again("the server did not answer in time", asked)
        case known.SSLError():
            return Refusal(asked.trouble("its certificate is not trusted, or it speaks no TLS"))
        case known.EndpointConnectionError():
            reason = "nothing answers there; is AWS_ENDPOINT_URL right, and the server up?"
            return _again(reason, asked)
        case _:
            return _again("the connection broke off", asked)


def _again(reason: str, asked: Asked) -> Refusal:
    return Refusal(asked.trouble(reason), reason)


def _answered(response: dict[str, Any], asked: Asked) -> Refusal:
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if asked.one and code in _OF_ONE:
        return Refusal(_of_one(*_OF_ONE[code], asked))
    if code in _OF_ALL:
        return Refusal(asked.trouble(_OF_ALL[code].format(code=code)))
    if code in _BUSY or status >= 500 or status == 429:
        return _busy(code or str(status), asked)
    if code in _DENIED or status == 403:
        return Refusal(_denied(asked))
    if asked.one and 400 <= status < 500:
        return Refusal(_of_one(errno.EIO, f"the server refuses it ({code or status})", asked))
    return Refusal(asked.trouble(f"the server answered {status} {code}".rstrip()))


def _busy(code: str, asked: Asked) -> Refusal:
    if code.isdigit():  # a page of something else, or of a proxy before it
        reason = f"it answers {code} and no more; is it an S3 server, and up?"
    else:
        reason = f"the server is too busy ({code})"
    return _again(reason, asked)


def _denied(asked: Asked) -> Exception:
    if not asked.signed:
        return asked.trouble(f"{_NO_KEYS} (the bucket is not public)")
    if asked.one:
        return _of_one(errno.EACCES, "the credentials may not read it", asked)
    return asked.trouble("the credentials may not do this (AccessDenied); ask for the permission")


def _of_one(number: int, reason: str, asked: Asked) -> OSError:
    return OSError(number, reason, str(asked.place))  # of the class that the number means
