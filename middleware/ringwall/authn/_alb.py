"""AWS Application Load Balancer: a JWT with padding, whose claims lie partly in its header."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .._errors import ConfigurationError, MissingDependency
from ._claims import BAD_CLAIMS
from ._failure import Failure, Refused
from .jwt import JWT

if TYPE_CHECKING:
    from ._jws import Header

BAD_SIGNER = Failure("invalid-signer", "The token comes from another load balancer.")

_ARN = re.compile(
    r"arn:aws[a-z-]*:elasticloadbalancing:([a-z0-9-]+):\d{12}:loadbalancer/app/[\w-]+/[0-9a-f]+\Z"
)


class ApplicationLoadBalancer(JWT):
    """See `presets.aws_alb`."""

    def __init__(
        self,
        load_balancer: str | Iterable[str],
        issuer: str,
        client_id: str | Iterable[str],
        keys: str | None,
        options: dict[str, Any],
    ) -> None:
        arns = [load_balancer] if isinstance(load_balancer, str) else list(load_balancer)
        found = [_ARN.match(arn) for arn in arns]
        regions = {match[1] for match in found if match is not None}
        if None in found or len(regions) != 1:
            raise ConfigurationError(
                "load_balancer is the ARN of one Application Load Balancer, or a list of those of"
                " one region: 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer"
                "/app/orders/50dc6c495c0c9188'"
            )
        url = keys or f"https://public-keys.auth.elb.{regions.pop()}.amazonaws.com/"
        try:
            from ._by_id import KeysByID
            from ._fetch import HTTPFetcher
            from ._jws import verify_padded
            from ._urls import check_url
        except ModuleNotFoundError as error:
            raise MissingDependency(error.name or "?", "jwt", "presets.aws_alb") from None
        source = KeysByID(
            check_url(url, "keys"),
            options.pop("fetcher", None) or HTTPFetcher(),
            frozenset({"ES256"}),
            ttl=options.pop("refresh_every", 86400.0),
            cooldown=options.pop("cooldown", 1.0),
            clock=options.get("monotonic", time.monotonic),
        )
        options |= {"keys": source, "algorithms": ["ES256"], "audience_claim": "client"}
        options.setdefault("header", "x-amzn-oidc-data")
        super().__init__(issuer, client_id, **options)
        self._signers = tuple(arns)  # compared, not hashed: a signer may be any JSON value
        self._verifier.verify_compact = verify_padded
        self._verifier.claims_to_judge = self._claims_to_judge
        self.failures = (*self.failures, BAD_SIGNER)

    def _claims_to_judge(self, header: Header, claims: Any) -> Any:
        if header.members.get("signer") not in self._signers:
            raise Refused(BAD_SIGNER)
        if type(claims) is not dict:
            raise Refused(BAD_CLAIMS)
        said = {name: header.members[name] for name in _SAID if name in header.members}
        if "exp" in claims and "exp" in said:
            ends = claims["exp"], said["exp"]
            if not all(type(end) is int or type(end) is float for end in ends):
                raise Refused(BAD_CLAIMS)
            said["exp"] = min(ends)
        # What the load balancer says of the login stands in the header; the rest comes from the
        # identity provider, which must not be able to say it.
        return {**claims, **said, "client": said.get("client")}


_SAID = ("iss", "client", "exp")
