"""Everything that the environment may set: the only reader of `PARLEY_*` and of `.env`."""

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.origins import Origins
from api.proxies import ProxyHeader, TrustedProxies
from models.attachments.media_types import ALL_TYPES
from models.redis import RedisAddress

if TYPE_CHECKING:  # it needs the whole of GraphQL, for which commands should not wait: 0.8 s
    from api.documents.limits import DocumentLimits
    from api.heads import HeadLimits
    from api.rates.rates import RateLimits

DEFAULT_TYPES: Final = ",".join(sorted(ALL_TYPES))


class Settings(BaseSettings):
    """One value for each `PARLEY_…` variable; secrets have no default and never print."""

    model_config = SettingsConfigDict(env_prefix="PARLEY_", env_file=".env", extra="ignore", frozen=True)

    host: str = Field("127.0.0.1", description="address to listen to")
    port: int = Field(8000, ge=0, le=65535, description="port to listen to")
    public_url: str | None = Field(
        None, pattern=r"^https?://[^\s/?#]+$", description="how others reach this server (`https://…`)"
    )
    trusted_proxies: str = Field(
        "", max_length=10_000, description="proxies before us: addresses, networks, `unix`; by commas"
    )
    proxy_header: ProxyHeader = Field(
        ProxyHeader.X_FORWARDED_FOR, description="where they write whom they saw; not both"
    )
    cors_origins: str = Field(
        "", max_length=10_000, description="other sites whose pages may ask: `https://…`, by commas; `*`: all"
    )
    cors_cookies: bool = Field(False, description="whether those may use the refresh cookie, too; not all sites")
    hsts_seconds: int = Field(
        31_536_000, ge=0, le=63_072_000, description="so long browsers come by TLS only, once they did; 0: not said"
    )
    workers: int = Field(1, ge=1, le=64, description="server processes")
    data_dir: Path = Field(Path(".parley"), description="where the embedded stores keep their data")
    mongodb_uri: SecretStr | None = Field(None, description="MongoDB to use instead of the embedded one")
    redis_url: SecretStr | None = Field(
        None, description="Redis to use instead of the embedded one: a server, sentinels or a cluster (README)"
    )
    database: str = Field("parley", pattern=r"^[A-Za-z0-9_-]{1,38}$", description="name of the MongoDB database")
    secret_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="key that protects the signing keys (32 characters or more); made by `serve --demo`",
    )
    secret_key_previous: SecretStr | None = Field(
        None, min_length=32, description="the key before `secret_key`, while it is being replaced"
    )
    signing_algorithm: Literal["EdDSA", "ES256", "RS256", "HS256"] = Field(
        "EdDSA", description="how new signing keys sign; another one rotates at the next start"
    )
    signing_key_days: int = Field(90, ge=0, le=3650, description="how long a signing key signs; 0 is until `rotate`")
    demo: bool = Field(False, description="demo world: loopback and embedded stores only")

    issuer: str = Field("parley", description="`iss` of access tokens")
    audience: str = Field("parley", description="`aud` of access tokens")
    access_token_seconds: int = Field(900, ge=30, le=3600, description="life of an access token")
    refresh_token_days: int = Field(30, ge=1, le=365, description="a session ends after so long, however it is used")
    refresh_token_idle_days: int = Field(14, ge=1, le=365, description="a session that is not used ends after so long")
    refresh_leeway_seconds: float = Field(
        10, ge=0, le=60, description="the same client may present a used refresh token again for so long"
    )
    revocation_stale_seconds: float = Field(
        5, ge=1, le=60, description="how long a worker trusts what it knows of revocations while Redis is silent"
    )
    revocation_when_stale: Literal["fail_closed", "fail_open"] = Field(
        "fail_closed", description="after that: refuse every token, or accept those not known to be revoked"
    )
    sessions_per_account: int = Field(100, ge=1, le=1000, description="a further one ends the one used longest ago")
    password_hashers: int = Field(2, ge=1, le=64, description="password checks at the same time, 64 MiB each")
    password_waiting: int = Field(
        50, ge=1, le=10_000, description="checks for each of these that may wait; more are told to come back"
    )
    password_wait_seconds: float = Field(
        10.0, ge=0.1, le=60, description="longest that one may be expected to wait; others are told to come back"
    )
    login_seconds: int = Field(900, ge=10, le=86_400, description="in so long are wrong logins counted")
    login_failures: int = Field(10, ge=1, le=100_000, description="of an account from one address")
    login_failures_account: int = Field(
        50, ge=1, le=100_000, description="of an account from all addresses it hasn't signed in from before"
    )
    login_failures_address: int = Field(100, ge=1, le=1_000_000, description="of an address, whatever the account")

    bucket_messages: int = Field(50, ge=1, le=1000, description="messages to a bucket, in new conversations")
    bucket_bytes: int = Field(256 * 1024, ge=1024, le=4 * 1024 * 1024, description="a bucket closes at this size")
    kept_page_bytes: int = Field(
        8 * 1024 * 1024, ge=0, description="of pages that a worker keeps ready; 0: none. They take some four times that"
    )
    message_bytes: int = Field(1024 * 1024, ge=1, le=4 * 1024 * 1024, description="longest content of a message, UTF-8")
    retention_days: int = Field(
        30, ge=0, le=3650, description="how long what was deleted can be restored; then it is gone for good"
    )
    metadata_bytes: int = Field(16 * 1024, ge=0, le=256 * 1024, description="largest metadata of a message, JSON")

    attachment_bytes: int = Field(
        50 * 1024 * 1024, ge=1024, le=2**31 - 1, description="largest file that can be attached to a message"
    )
    attachment_quota_bytes: int = Field(
        200 * 1024 * 1024, ge=1024, description="files of one user that are in no message yet, together"
    )
    attachment_types: str = Field(
        DEFAULT_TYPES, max_length=10_000, description="types of files that are taken, by their content; by commas"
    )
    attachment_hours: int = Field(24, ge=1, le=8760, description="a file that no message has is deleted after so long")
    attachments_per_message: int = Field(10, ge=0, le=50, description="files to a message")

    import_bytes: int = Field(
        256 * 1024 * 1024, ge=1024, description="largest file of conversations that `POST /import` takes"
    )

    search_seconds: float = Field(
        0.25, ge=0, le=60, description="new messages are looked for so often, to be found; 0: not by this worker"
    )
    usage_seconds: float = Field(
        10, ge=0, le=3600, description="what came is rolled up so often, to make usage cheap; 0: not by this worker"
    )

    interrupt_seconds: float = Field(
        5, ge=0, le=60, description="answers whose writers fell silent are looked for so often; 0: not by this worker"
    )

    news_seconds: float = Field(
        2, ge=0, le=60, description="what was written and never told is looked for so often; 0: not by this worker"
    )

    assistant_base_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s?#@]+$",
        description="endpoint of `parley assistant`, as OpenAI's (`https://…/v1`); in the demo an echo of its own",
    )
    assistant_key: SecretStr | None = Field(None, description="its key; for `parley assistant` only")
    assistant_model: str = Field("gpt-4o-mini", min_length=1, max_length=200, description="its model")
    assistant_prompt: str = Field("", max_length=20_000, description="what it is told before each conversation")
    assistant_context_tokens: int = Field(
        8_000, ge=100, le=2_000_000, description="estimated tokens of a conversation that it is sent, newest first"
    )
    assistant_answer_bytes: int = Field(
        256 * 1024, ge=1024, le=4 * 1024 * 1024, description="longest answer, UTF-8; one that is longer is cut off"
    )
    assistant_seconds: float = Field(300, ge=1, le=3600, description="longest time that an answer may take")
    assistant_lease_seconds: float = Field(
        30, ge=1, le=600, description="after so long others take over from an assistant that died"
    )
    assistant_answers: int = Field(4, ge=1, le=100, description="answers at a time, in each process that answers")

    audit_days: int = Field(365, ge=0, description="how long audit records are kept; 0 is for ever")
    decision_log: Literal["off", "sampled", "all"] = Field(
        "sampled", description="allowed decisions to log; denied ones always are"
    )
    decision_log_rate: float = Field(0.1, ge=0, le=1, description="share of the requests whose allows are logged")
    decision_log_seconds: float = Field(1.0, ge=0.05, le=60, description="an allow is logged within this time")
    decision_log_queue: int = Field(10_000, ge=0, le=1_000_000, description="allows that may wait; more are counted")

    url_bytes: int = Field(16 * 1024, ge=256, le=1024 * 1024, description="longest address of a request, query and all")
    header_bytes: int = Field(32 * 1024, ge=1024, le=1024 * 1024, description="all headers of a request together")
    headers: int = Field(100, ge=10, le=10_000, description="headers of a request")
    head_seconds: float = Field(10, ge=0.1, le=600, description="so long may address and headers take to come")
    request_bytes: int = Field(4 * 1024 * 1024, ge=1024, description="longest request body")
    request_seconds: float = Field(30, ge=0.1, le=600, description="so long may such a body take to come")
    socket_message_bytes: int = Field(
        1024 * 1024, ge=1024, le=16 * 1024 * 1024, description="longest message over a WebSocket"
    )
    socket_init_seconds: float = Field(
        10, ge=0.1, le=600, description="a WebSocket whose client doesn't say who it is for so long is closed"
    )
    socket_operations: int = Field(1000, ge=1, le=100_000, description="operations under way on one WebSocket")
    sockets_per_user: int = Field(
        100, ge=1, le=100_000, description="WebSockets and event streams of one user, on all workers"
    )
    document_characters: int = Field(64 * 1024, ge=256, le=1024 * 1024, description="longest document")
    document_tokens: int = Field(2_000, ge=100, le=50_000, description="of one document")
    document_depth: int = Field(18, ge=4, le=100, description="fields within fields")
    document_aliases: int = Field(100, ge=1, le=10_000, description="of one operation, with its fragments'")
    document_directives: int = Field(50, ge=0, le=10_000, description="the same of directives")
    document_fields: int = Field(5_000, ge=100, le=1_000_000, description="the same of fields")
    document_root_fields: int = Field(50, ge=1, le=10_000, description="of one operation")
    document_operations: int = Field(50, ge=1, le=1_000, description="of one document, one of which is executed")
    document_name_characters: int = Field(128, ge=16, le=10_000, description="of any name in a document")
    document_errors: int = Field(20, ge=1, le=1_000, description="flaws of a document that are told")
    document_repeats: int = Field(50, ge=1, le=10_000, description="fields of one name, side by side")
    document_overlaps: int = Field(
        4_000,
        ge=500,
        le=500_000,
        description="steps of comparing fields of the same name, to validate a document",
    )
    variables: int = Field(100, ge=1, le=10_000, description="variables that are sent with an operation")
    variable_bytes: int = Field(3 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024, description="all variables together")
    variable_values: int = Field(10_000, ge=100, le=1_000_000, description="values in them, of lists and objects too")
    variable_depth: int = Field(32, ge=4, le=100, description="lists and objects within each other, in variables")
    answer_bytes: int = Field(
        32 * 1024 * 1024, ge=64 * 1024, le=1024 * 1024 * 1024, description="largest answer, and messages read for one"
    )
    query_seconds: float = Field(30, ge=0.1, le=600, description="longest time that a query may take")
    mutation_seconds: float = Field(
        60, ge=0.1, le=3600, description="after so long no further field of a mutation is begun; what was is done"
    )
    cost_budget: int = Field(20_000, ge=100, description="what an operation may cost by estimate, in objects")
    cost_budget_nobody: int = Field(5_000, ge=10, description="the same of who isn't signed in")
    cost_budgets: str = Field(
        "", max_length=10_000, description="the same of who holds a role, if it is more (`role=number`); by commas"
    )
    rate_budgets: int = Field(
        60, ge=1, le=1_000_000, description="operations' budgets (`cost_budget`) that a caller may use up in a minute"
    )
    rate_budgets_address: int = Field(
        600, ge=1, le=1_000_000, description="the same of all accounts at one address (IPv6: /64)"
    )
    rate_least_cost: int = Field(50, ge=1, le=100_000, description="what any operation counts, however little it does")
    rate_denial_cost: int = Field(
        200, ge=0, le=100_000, description="what each denial counts, for its record in the audit log"
    )
    rate_when_away: Literal["fail_closed", "fail_open"] = Field(
        "fail_open", description="while Redis is away: refuse all, or each worker counts for itself"
    )
    introspection: Literal["permitted", "signed_in", "everyone"] = Field(
        "permitted",
        description="who reads the schema: who may `schema:introspect`, all accounts, or anybody",
    )
    operations: Literal["any", "trusted"] = Field(
        "any", description="documents that are run: any, or those that are registered (`parley operations`)"
    )
    apq_seconds: int = Field(
        86_400, ge=0, le=2_592_000, description="automatic persisted queries are kept so long unused; 0: none are"
    )
    apq_documents: int = Field(5_000, ge=1, le=100_000, description="of them together")
    apq_bytes: int = Field(
        16 * 1024 * 1024, ge=64 * 1024, le=1024 * 1024 * 1024, description="the same in bytes of UTF-8"
    )
    apq_per_user: int = Field(200, ge=1, le=100_000, description="of them that one user may have sent")
    compiler: bool = Field(True, description="whether operations are compiled (`off`: graphql-core executes them)")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level to log")
    log_format: Literal["console", "json"] = Field("json", description="form of a log line")

    @property
    def document_limits(self) -> "DocumentLimits":
        """What a document, its variables and its answer may have."""
        from api.documents.limits import CostBudgets, DocumentLimits, budgets_of_roles

        return DocumentLimits(
            characters=self.document_characters,
            tokens=self.document_tokens,
            depth=self.document_depth,
            aliases=self.document_aliases,
            directives=self.document_directives,
            fields=self.document_fields,
            root_fields=self.document_root_fields,
            operations=self.document_operations,
            name_characters=self.document_name_characters,
            errors=self.document_errors,
            repeats=self.document_repeats,
            overlaps=self.document_overlaps,
            variables=self.variables,
            variable_bytes=self.variable_bytes,
            variable_values=self.variable_values,
            variable_depth=self.variable_depth,
            answer_bytes=self.answer_bytes,
            seconds=self.query_seconds,
            mutation_seconds=self.mutation_seconds,
            costs=CostBudgets(self.cost_budget, self.cost_budget_nobody, budgets_of_roles(self.cost_budgets)),
            introspection="everyone" if self.demo else self.introspection,
        )

    @property
    def head_limits(self) -> "HeadLimits":
        """What comes before the body of a request."""
        from api.heads import HeadLimits

        return HeadLimits(self.url_bytes, self.header_bytes, self.headers, self.head_seconds)

    @property
    def rate_limits(self) -> "RateLimits":
        """What callers may have done in a minute."""
        from api.rates.rates import RateLimits

        return RateLimits(
            self.rate_budgets,
            self.rate_budgets_address,
            self.rate_least_cost,
            self.rate_denial_cost,
            self.rate_when_away,
            self.document_limits.costs,
        )

    @property
    def origins(self) -> Origins:
        """Whose pages may ask."""
        return Origins.parse(self.cors_origins, self.public_url, cookies=self.cors_cookies)

    @property
    def behind_tls(self) -> bool:
        """Whether all who reach this server do so by TLS."""
        return self.public_url is not None and self.public_url.startswith("https:")

    @model_validator(mode="after")
    def _origins(self) -> "Settings":
        Origins.parse(self.cors_origins, cookies=self.cors_cookies)
        return self

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            RedisAddress.parse(url.get_secret_value())
        return url

    @field_validator("cost_budgets")
    @classmethod
    def _budgets(cls, text: str) -> str:
        if text:
            from api.documents.limits import budgets_of_roles

            budgets_of_roles(text)
        return text

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, text: str) -> str:
        TrustedProxies.parse(text)
        return text
