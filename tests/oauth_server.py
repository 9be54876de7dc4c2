"""A real OAuth 2.0 / OpenID Connect server for tests: Authlib in Flask, over TLS on loopback.

    with OAuthServer() as server:
        token = server.client_credentials()
        JWT(server.issuer, AUDIENCE, fetcher=HTTPFetcher(verify=server.ca_file))

It does authorization code with PKCE (RFC 7636), client credentials, opaque tokens and JWTs (RFC
9068; they name no `kid`, as Authlib makes them), introspection plain (RFC 7662) and signed (RFC
9701), JWKS, both kinds of discovery, and rotation of its keys. Who asks for a token with a DPoP
proof (RFC 9449) gets one that is bound to that key: Authlib does not do that, so joserfc does here.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import secrets
import ssl
import tempfile
import threading
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt as pyjwt
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import TokenMixin, grants
from authlib.oauth2.rfc6749.models import AuthorizationCodeMixin, ClientMixin
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from flask import Flask, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from joserfc.jws import JWSRegistry
from werkzeug.serving import make_server

AUDIENCE = "https://api.example.com"
SCOPE = "orders:read orders:write"
REDIRECT = "https://app.example.com/callback"
_ANY_HEADER = JWSRegistry(algorithms=["ES256"], strict_check_header=False)


class Client(ClientMixin):
    def __init__(self, client_id: str, opaque: bool = False) -> None:
        self.client_id = client_id
        self.secret = f"s3cret-of-{client_id}"
        self.opaque = opaque

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return REDIRECT

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(s for s in (scope or "").split() if s in SCOPE.split())

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == REDIRECT

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(client_secret, self.secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return True


class User:
    def __init__(self, name: str) -> None:
        self.name = name

    def get_user_id(self) -> str:
        return self.name


class Code(AuthorizationCodeMixin):
    def __init__(self, code: str, asked: Any) -> None:
        payload = asked.payload
        self.code = code
        self.client_id = payload.client_id
        self.user = asked.user
        self.redirect_uri = payload.redirect_uri
        self.scope = payload.scope
        self.code_challenge = payload.data.get("code_challenge")
        self.code_challenge_method = payload.data.get("code_challenge_method")

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


class Token(TokenMixin):
    def __init__(self, issued: dict[str, Any], client_id: str, subject: str) -> None:
        self.value = issued["access_token"]
        self.scope = issued.get("scope", "")
        self.client_id = client_id
        self.subject = subject
        self.issued_at = int(time.time())
        self.expires_at = self.issued_at + issued["expires_in"]
        self.token_type = issued["token_type"]
        self.thumbprint = _thumbprint_of_proof()
        self.revoked = False

    def is_expired(self) -> bool:
        return time.time() >= self.expires_at

    def is_revoked(self) -> bool:
        return self.revoked


class Holder:
    """A client with a key of its own, and the proofs that it makes with PyJWT."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.jwk = ECKey.import_key(self.key.public_key()).as_dict(private=False)
        self.jwk.pop("kid", None)

    def prove(self, method: str, url: str, token: str | None = None, **more: Any) -> str:
        claims = {"jti": secrets.token_urlsafe(16), "htm": method, "htu": url, **more}
        claims.setdefault("iat", int(time.time()))
        if token is not None:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = urlsafe_b64encode(digest).rstrip(b"=").decode()
        headers = {"typ": "dpop+jwt", "jwk": self.jwk}
        return pyjwt.encode(claims, self.key, algorithm="ES256", headers=headers)


def _thumbprint_of_proof() -> str | None:
    """Of the key that the request for a token is signed with, checked by joserfc."""
    proof = request.headers.get("DPoP")
    if proof is None:
        return None
    key = ECKey.import_key(pyjwt.get_unverified_header(proof)["jwk"])
    checked = jwt.decode(proof, key, algorithms=["ES256"], registry=_ANY_HEADER)
    claims = checked.claims
    assert checked.header["typ"] == "dpop+jwt"
    assert (claims["htm"], claims["htu"]) == (request.method, request.base_url)
    assert abs(time.time() - claims["iat"]) < 60
    assert claims["jti"]
    return key.thumbprint()


class OAuthServer:
    """A running server, a context manager.

    Attributes:
        issuer: its https URL. ca_file: the certificate that signed its own.
        clients: by id: "web" and "batch" get JWTs, "legacy" opaque tokens, "orders-api"
            introspects.
        hits: how often each path was asked.
        down: True: every answer is a 500.
    """

    def __init__(self) -> None:
        self.clients = {
            client.client_id: client
            for client in (
                *(Client("web"), Client("batch"), Client("orders-api")),
                Client("legacy", opaque=True),
            )
        }
        self.hits: dict[str, int] = {}
        self.down = False
        self.lifetime = 300
        self._codes: dict[str, Code] = {}
        self._tokens: dict[str, Token] = {}
        self._folder = tempfile.TemporaryDirectory()
        self.ca_file, context = _certificates(Path(self._folder.name))
        self.keys: list[RSAKey] = []
        self.rotate(keep=0)
        server = make_server("127.0.0.1", 0, Flask(__name__), threaded=True, ssl_context=context)
        self.issuer = f"https://127.0.0.1:{server.server_port}"
        server.app = self._app()
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> OAuthServer:
        self._thread.start()
        self.http = httpx.Client(verify=ssl.create_default_context(cafile=self.ca_file))
        return self

    def __exit__(self, *error: object) -> None:
        self.http.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._folder.cleanup()

    # What a test does with it

    def rotate(self, *, keep: int = 1) -> None:
        """Sign with a new key from now on; publish `keep` of the old ones beside it."""
        key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
        self.keys = [key, *self.keys[:keep]]

    def revoke(self, token: str) -> None:
        self._tokens[token].revoked = True

    def client_credentials(
        self, client_id: str = "batch", scope: str = SCOPE, *, holder: Holder | None = None
    ) -> str:
        return self._token(client_id, holder, grant_type="client_credentials", scope=scope)

    def log_in(
        self,
        user: str,
        client_id: str = "web",
        *,
        verifier: str | None = None,
        holder: Holder | None = None,
    ) -> str:
        """The authorization code flow with PKCE, as a browser and the app go through it."""
        right = secrets.token_urlsafe(48)
        digest = hashlib.sha256(right.encode()).digest()
        answer = self.http.get(
            f"{self.issuer}/authorize",
            params={
                "response_type": "code",
                "client_id": client_id,
                "redirect_uri": REDIRECT,
                "scope": SCOPE,
                "state": "x",
                "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
                "code_challenge_method": "S256",
                "user": user,
            },
        )
        (code,) = parse_qs(urlsplit(answer.headers["location"]).query)["code"]
        return self._token(
            client_id,
            holder,
            grant_type="authorization_code",
            code=code,
            redirect_uri=REDIRECT,
            code_verifier=verifier or right,
        )

    def _token(self, client_id: str, holder: Holder | None, **form: str) -> str:
        url = f"{self.issuer}/token"
        answer = self.http.post(
            url,
            data=form,
            auth=(client_id, self.clients[client_id].secret),
            headers={} if holder is None else {"DPoP": holder.prove("POST", url)},
        )
        answer.raise_for_status()
        issued = answer.json()
        assert issued["token_type"] == ("Bearer" if holder is None else "DPoP")
        return str(issued["access_token"])

    # How it does it

    def _app(self) -> Flask:
        app = Flask(__name__)
        server = AuthorizationServer(app, self.clients.get, self._save)
        server.register_token_generator("default", self._generate())
        server.register_grant(_code_grant(self._codes), [CodeChallenge(required=True)])
        server.register_grant(grants.ClientCredentialsGrant)
        server.register_endpoint(_introspection(self))

        @app.before_request
        def count() -> Any:
            self.hits[request.path] = self.hits.get(request.path, 0) + 1
            return ("down", 500) if self.down else None

        @app.get("/.well-known/openid-configuration")
        @app.get("/.well-known/oauth-authorization-server")
        def metadata() -> Any:
            return jsonify(
                issuer=self.issuer,
                authorization_endpoint=f"{self.issuer}/authorize",
                token_endpoint=f"{self.issuer}/token",
                introspection_endpoint=f"{self.issuer}/introspect",
                jwks_uri=f"{self.issuer}/jwks",
                response_types_supported=["code"],
                subject_types_supported=["public"],
                id_token_signing_alg_values_supported=["RS256"],
                code_challenge_methods_supported=["S256"],
                dpop_signing_alg_values_supported=["ES256"],
            )

        @app.get("/jwks")
        def jwks() -> Any:
            return jsonify(KeySet(self.keys).as_dict(private=False))

        @app.get("/authorize")
        def authorize() -> Any:
            grant = server.get_consent_grant(end_user=User(request.args["user"]))
            return server.create_authorization_response(
                grant_user=User(request.args["user"]), grant=grant
            )

        @app.post("/token")
        def token() -> Any:
            return server.create_token_response()

        @app.post("/introspect")
        def introspect() -> Any:
            answer = server.create_endpoint_response("introspection")
            wanted = "application/token-introspection+jwt"
            if answer.status_code != 200 or request.headers.get("Accept") != wanted:
                return answer
            claims = {"iss": self.issuer, "aud": "orders-api", "iat": int(time.time())}
            claims["token_introspection"] = answer.get_json()
            header = {"alg": "RS256", "typ": "token-introspection+jwt", "kid": self.keys[0].kid}
            return jwt.encode(header, claims, self.keys[0]), 200, {"Content-Type": wanted}

        @app.get("/elsewhere")
        def elsewhere() -> Any:
            return redirect(f"{self.issuer}/jwks")

        return app

    def _generate(self) -> Any:
        server = self

        class AccessToken(JWTBearerTokenGenerator):  # type: ignore[misc]
            def get_jwks(self) -> Any:
                return server.keys[0].as_dict(private=True)

            def get_audiences(self, client: Any, user: Any, scope: Any) -> str:
                return AUDIENCE

            def get_extra_claims(self, *asked: Any) -> dict[str, Any]:
                thumbprint = _thumbprint_of_proof()
                return {} if thumbprint is None else {"cnf": {"jkt": thumbprint}}

        def lifetime(client: Any, grant_type: Any) -> int:
            return server.lifetime

        jwts = AccessToken(self.issuer, expires_generator=lifetime)

        def opaque(*args: Any, **kwargs: Any) -> str:
            return secrets.token_urlsafe(32)

        plain = BearerTokenGenerator(opaque, expires_generator=lifetime)

        def generate(grant_type: Any, client: Client, **options: Any) -> Any:
            chosen = plain if client.opaque else jwts
            issued = chosen(grant_type=grant_type, client=client, **options)
            return issued if _thumbprint_of_proof() is None else {**issued, "token_type": "DPoP"}

        return generate

    def _save(self, issued: dict[str, Any], asked: Any) -> None:
        client_id = asked.client.client_id
        subject = asked.user.name if asked.user else client_id
        self._tokens[issued["access_token"]] = Token(issued, client_id, subject)


def _code_grant(codes: dict[str, Code]) -> type:
    class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
        def save_authorization_code(self, code: str, asked: Any) -> None:
            codes[code] = Code(code, asked)

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            found = codes.get(code)
            return found if found and found.client_id == client.client_id else None

        def delete_authorization_code(self, code: Code) -> None:
            del codes[code.code]

        def authenticate_user(self, code: Code) -> Any:
            return code.user

    return CodeGrant


def _introspection(server: OAuthServer) -> type:
    class Endpoint(IntrospectionEndpoint):  # type: ignore[misc]
        CLIENT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

        def check_permission(self, token: Token, client: Client, asked: Any) -> bool:
            return client.client_id == "orders-api"

        def query_token(self, value: str, hint: str | None) -> Token | None:
            return server._tokens.get(value)

        def introspect_token(self, token: Token) -> dict[str, Any]:
            bound = {} if token.thumbprint is None else {"cnf": {"jkt": token.thumbprint}}
            return {
                **bound,
                "active": True,
                "client_id": token.client_id,
                "token_type": token.token_type,
                "scope": token.scope,
                "sub": token.subject,
                "aud": AUDIENCE,
                "iss": server.issuer,
                "exp": token.expires_at,
                "iat": token.issued_at,
            }

    return Endpoint


def _certificates(folder: Path) -> tuple[str, ssl.SSLContext]:
    """A certificate authority of our own, and a TLS context with a certificate for 127.0.0.1."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(subject: str, key: Any, issuer: str, signer: Any, *extensions: Any) -> Any:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer, hashes.SHA256())

    usage = x509.KeyUsage(
        **dict.fromkeys(
            (
                *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
                *("encipher_only", "decipher_only"),
            ),
            False,
        ),
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
    )
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = certificate(
        "Test CA",
        ca_key,
        "Test CA",
        ca_key,
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (usage, True),
        (identifier, False),
    )
    leaf = certificate(
        "127.0.0.1",
        key,
        "Test CA",
        ca_key,
        (x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False),
        (x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), False),
    )
    pem = serialization.Encoding.PEM
    ca_file, leaf_file = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(ca.public_bytes(pem))
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    leaf_file.write_bytes(private + leaf.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf_file)
    return str(ca_file), context
