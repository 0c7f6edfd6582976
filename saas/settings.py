"""Every setting, read top to bottom. Each knob comes from the environment through saas.env, which refuses nonsense."""

from pathlib import Path
from urllib.parse import parse_qsl, unquote

import structlog
from structlog.typing import Processor

from realtime import layers
from saas import env

ROOT = Path(__file__).resolve().parent.parent

# What this installation is.
PRODUCTION = env.choice("CONCLAVE_ENV", ("development", "production"), "development") == "production"
DEBUG = False  # a page for visitors, never a traceback: development reads the log
SECRET_KEY = env.secret("CONCLAVE_SECRET_KEY", production=PRODUCTION)
SECRET_KEY_FALLBACKS = env.text("CONCLAVE_SECRET_KEY_FALLBACKS").split()
if PRODUCTION:
    for name, why in {
        "CONCLAVE_URL": "the public address, like https://example.com",
        "DATABASE_URL": "the database, like postgresql://user:password@host/conclave",
        "CONCLAVE_MAIL_URL": "the mail server, like smtp://user:password@host:587",
        "CONCLAVE_MAIL_FROM": "the sender of mail, like conclave@example.com",
        "CONCLAVE_PROXIES": "how many trusted proxies stand in front, 0 for none",
    }.items():
        if not env.text(name):
            env.refuse(f"{name} is missing; set it to {why}.")
    if env.text("DEBUG") or env.text("CONCLAVE_DEBUG"):
        env.refuse("DEBUG has no place in production; unset it.")

# Where it lives: one public address; organisations are its subdomains.
PUBLIC = env.url("CONCLAVE_URL", "http://localhost:8000", schemes=("http", "https"))
HTTPS = PUBLIC.scheme == "https"
BASE_DOMAIN = (PUBLIC.hostname or "").lower().rstrip(".")
if not BASE_DOMAIN:
    env.refuse("CONCLAVE_URL names no host; write it like https://example.com.")
if PRODUCTION and not HTTPS:
    env.refuse("CONCLAVE_URL is plain http, so cookies would be too; write it with https://.")
if PRODUCTION and (BASE_DOMAIN == "localhost" or "." not in BASE_DOMAIN):
    env.refuse("CONCLAVE_URL must name your own domain in production, like https://example.com.")
PUBLIC_URL = f"{PUBLIC.scheme}://{PUBLIC.netloc}"
PORT_SUFFIX = f":{PUBLIC.port}" if PUBLIC.port else ""
PROXIES = env.number("CONCLAVE_PROXIES", 0, most=10)
ALLOWED_HOSTS = ["*"]  # the door knows every host by name and refuses the rest before Django sees them
OPS_BIND = env.text("CONCLAVE_OPS_BIND", "127.0.0.1:9100")
WORKERS = env.number("CONCLAVE_WORKERS", 1, least=1, most=64)

# The database, and what is in whose schema.
DATABASE = env.url("DATABASE_URL", "postgresql:///conclave", schemes=("postgresql", "postgres"))
_options = dict(parse_qsl(DATABASE.query))
DATABASES: dict[str, dict[str, object]] = {
    "default": {
        "ENGINE": "tenants.db",
        "NAME": unquote(DATABASE.path[1:]) or "conclave",
        "USER": unquote(DATABASE.username or ""),
        "PASSWORD": unquote(DATABASE.password or ""),
        "HOST": unquote(DATABASE.hostname or "") or _options.pop("host", ""),
        "PORT": str(DATABASE.port or ""),
        "CONN_MAX_AGE": None,  # one connection per thread of our own bounded pools (tenants.schema)
        "ATOMIC_REQUESTS": True,  # a request's rows, its control rows and its jobs commit together or not at all
        "OPTIONS": {"connect_timeout": 5, "application_name": "conclave"} | _options,
    }
}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TENANT_MODEL = "tenants.Organization"
TENANT_DOMAIN_MODEL = "tenants.Domain"
TENANT_LIMIT_SET_CALLS = True  # tenants.db compares with what was sent, so a SET is never missed

# People live in their organisation's schema; the same apps in public hold the operators.
PEOPLE = [
    "tenants.people",
    "django.contrib.sessions",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
]
TENANT_APPS = [*PEOPLE, "realtime.chat", "realtime.notices"]
LAYER = env.choice("CONCLAVE_LAYER", tuple(layers.LAYERS), "postgres")
SHARED_APPS = [
    "django_tenants",
    "tenants",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "procrastinate.contrib.django",
    "channels",
    "realtime",
    "saas",
    *PEOPLE,
    *layers.LAYERS[LAYER].apps,
]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]
if layers.LAYERS[LAYER].single_process and WORKERS > 1:
    env.refuse(f"CONCLAVE_LAYER={LAYER} lives in one process; use WORKERS=1 or another layer.")

# The channel layer: one setting.
CHANNEL_LAYERS = layers.configured(
    LAYER,
    # LISTEN needs a session of its own, which a pooler in transaction mode does not give.
    database_url=env.text("CONCLAVE_LISTEN_URL") or env.text("DATABASE_URL", "postgresql:///conclave"),
    redis_url=env.text("REDIS_URL", "redis://127.0.0.1:6379/0"),
)
if "channels_postgres" in INSTALLED_APPS:  # its own tables are reached through an alias of this name
    DATABASES["channels_postgres"] = DATABASES["default"] | {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
    }

# HTTP.
ROOT_URLCONF = "saas.urls"
PUBLIC_SCHEMA_URLCONF = "saas.urls_public"
ASGI_APPLICATION = "saas.asgi.application"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "saas.csp.ContentSecurityPolicy",
    "tenants.problems.ApiRefusals",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tenants.doors.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "saas" / "templates"],  # before the apps': ours override allauth's
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
STATIC_URL = "/static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = not PRODUCTION  # files that are edited while the server runs
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024

# Cookies are of one host only; a browser holds __Host- cookies to that itself.
_host = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME = f"{_host}session"
CSRF_COOKIE_NAME = f"{_host}csrftoken"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "tenants.pages.csrf_failure"

# Accounts.
AUTH_USER_MODEL = "people.User"
SILENCED_SYSTEM_CHECKS = ["auth.W004"]  # the e-mail is unique whatever its case, which that check cannot see
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["tenants.people.hashers.Argon2"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
ACCOUNT_ADAPTER = "tenants.people.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"  # the owner may chat at once; what needs a verified address asks for it
ACCOUNT_CONFIRM_EMAIL_ON_GET = False  # mail scanners follow links
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# Confirmations are rows of the organisation's schema. As signed values they would hold nothing but a row's number,
# and number 1 exists in every organisation.
ACCOUNT_EMAIL_CONFIRMATION_HMAC = False
ACCOUNT_DEFAULT_HTTP_PROTOCOL = PUBLIC.scheme
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # asking for a link sends no mail to strangers
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "tenants.people.resets.ResetTokens"
ACCOUNT_MAX_EMAIL_ADDRESSES = 3
ACCOUNT_RATE_LIMITS = {
    "signup": "20/m/ip,60/h/ip",  # accepting an invitation
    "manage_email": "10/m/user,30/h/user",
    "workspaces": "10/m/ip,30/h/ip",
    "workspaces_mail": "3/h/key,10/d/key",
}
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_SESSION_REMEMBER = True
ALLAUTH_TRUSTED_PROXY_COUNT = PROXIES
USERSESSIONS_TRACK_ACTIVITY = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # half a minute on either side: for clocks that are off, and for who types slowly
MFA_ADAPTER = "tenants.people.adapter.SecondFactorAdapter"

# The cache is a table of the organisation's schema: sign-in throttles hold across processes and never across spaces.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "people_cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}

# Mail: handed to a job inside the transaction, sent by the worker.
EMAIL_BACKEND = "tenants.mail.QueuedBackend"
MAIL = env.url("CONCLAVE_MAIL_URL", "smtp://127.0.0.1:2525", schemes=("smtp", "smtps", "smtp+starttls"))
EMAIL_HOST = MAIL.hostname or "127.0.0.1"
EMAIL_PORT = MAIL.port or (465 if MAIL.scheme == "smtps" else 25)
EMAIL_HOST_USER = unquote(MAIL.username or "")
EMAIL_HOST_PASSWORD = unquote(MAIL.password or "")
EMAIL_USE_SSL = MAIL.scheme == "smtps"
EMAIL_USE_TLS = MAIL.scheme == "smtp+starttls"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("CONCLAVE_MAIL_FROM", "Conclave <conclave@localhost>")

# Limits and sign-up.
LIMITS = env.choice("CONCLAVE_LIMITS", ("normal", "unlimited"), "normal")
if PRODUCTION and LIMITS == "unlimited":
    env.refuse("CONCLAVE_LIMITS=unlimited is for benchmarks on one machine; unset it in production.")
POOL_SIZE = env.number("CONCLAVE_POOL_SIZE", 5, most=1000)
IO_URING = env.choice("CONCLAVE_IO_URING", ("auto", "off"), "auto") == "auto"
PG_DUMP = env.text("CONCLAVE_PG_DUMP", "pg_dump")  # drawn from once per release: `conclave upgrade`
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "tasks"

# Language, time, log.
LANGUAGE_CODE = "en"
USE_I18N = True
FORMAT_MODULE_PATH = ["saas.formats"]
USE_TZ = True
TIME_ZONE = "UTC"
_before: list[Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Tracebacks without the values of variables: those hold messages and passwords.
_line: list[Processor] = (
    [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    if PRODUCTION
    else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "structlog.stdlib.ProcessorFormatter",
            "foreign_pre_chain": _before,
            "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_line],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"conclave": {"level": "INFO"}, "django.request": {"level": "ERROR"}},
}
