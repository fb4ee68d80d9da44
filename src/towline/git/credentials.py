"""What opens a repository, and how it reaches git: by the environment, never by arguments. Pure."""

from __future__ import annotations

import base64

import msgspec

from towline.git.urls import RepoURL


class GitCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials for one repository; the representation shows none of them.

    Attributes:
        username: Login for http basic authentication; any text when a token is the password.
        password: Password or token.
        bearer_token: Sent as a bearer token instead of basic authentication.
        ssh_private_key: Private key in PEM or OpenSSH form.
    """

    username: str = ""
    password: str = ""
    bearer_token: str = ""
    ssh_private_key: str = ""

    def __repr__(self) -> str:
        return "GitCredentials(***)"

    @property
    def authorization(self) -> str:
        """The value of the `Authorization` header, or an empty string."""
        if self.bearer_token:
            return f"Bearer {self.bearer_token}"
        if self.username or self.password:
            pair = f"{self.username or 'git'}:{self.password}".encode()
            return "Basic " + base64.b64encode(pair).decode()
        return ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every text that must not be seen in output."""
        header = self.authorization.partition(" ")[2]
        return tuple(text for text in (self.password, self.bearer_token, header) if text)


def embedded(url: RepoURL) -> GitCredentials | None:
    """The credentials written into an http URL, or None."""
    if url.scheme in {"http", "https"} and (url.user or url.password):
        return GitCredentials(username=url.user, password=url.password)
    return None


def header_config(url: RepoURL, credentials: GitCredentials) -> dict[str, str]:
    """Git configuration that sends the credentials to the URL's origin and nowhere else."""
    if url.scheme not in {"http", "https"} or not credentials.authorization:
        return {}
    key = f"http.{url.scheme}://{url.authority}/.extraHeader"
    return {key: f"Authorization: {credentials.authorization}"}
