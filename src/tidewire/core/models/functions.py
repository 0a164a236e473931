"""Models of functions, their deployments and their executions."""

from __future__ import annotations

from tidewire.core.models.base import Model, Page, Resource, system


class Variable(Resource, frozen=True, kw_only=True):
    """A variable in the environment of functions."""

    key: str
    value: str
    """The value; empty if it is secret."""
    secret: bool
    resource_type: str
    """``function``, or ``project``: then it is that of all functions."""
    resource_id: str
    """The id of the function; empty for a variable of the project."""


class VariableList(Page, frozen=True, kw_only=True):
    """A page of variables."""

    variables: list[Variable]


class Function(Resource, frozen=True, kw_only=True):
    """Code that the server runs: its settings."""

    execute: list[str]
    """Roles that may run it."""
    name: str
    enabled: bool
    live: bool
    """False: what was changed since the active deployment was made is not in force there."""
    logging: bool
    """Whether what it logs is kept."""
    runtime: str
    deployment_retention: int
    """Days that deployments are kept which are not active; 0: for ever."""
    deployment_id: str
    """The id of the active deployment; empty: there is none."""
    deployment_created_at: str
    latest_deployment_id: str
    latest_deployment_created_at: str
    latest_deployment_status: str
    scopes: list[str]
    """The scopes of the key that it gets to call the API."""
    vars: list[Variable]
    events: list[str]
    """Patterns of events that run it."""
    schedule: str
    """The schedule by which it is run: five fields, as cron has them, in UTC."""
    timeout: int
    """Seconds."""
    entrypoint: str
    """File whose function is called."""
    commands: str
    """What builds it."""
    version: str
    installation_id: str
    provider_repository_id: str
    provider_branch: str
    provider_root_directory: str
    provider_silent_mode: bool
    provider_branches: list[str]
    provider_paths: list[str]
    build_specification: str
    runtime_specification: str


class FunctionList(Page, frozen=True, kw_only=True):
    """A page of functions."""

    functions: list[Function]


class Runtime(Model, frozen=True, kw_only=True):
    """A version of a language that functions can be written in."""

    id: str = system("id")
    key: str
    name: str
    version: str
    base: str
    image: str
    logo: str
    supports: list[str]


class RuntimeList(Page, frozen=True, kw_only=True):
    """All runtimes that this machine has."""

    runtimes: list[Runtime]


class Specification(Model, frozen=True, kw_only=True):
    """How much of the machine a function may use."""

    memory: int
    """Megabytes."""
    cpus: float
    enabled: bool
    slug: str


class SpecificationList(Page, frozen=True, kw_only=True):
    """All specifications that may be chosen."""

    specifications: list[Specification]


class TemplateRuntime(Model, frozen=True, kw_only=True):
    """A language that a template is there for."""

    name: str
    commands: str
    entrypoint: str
    provider_root_directory: str


class TemplateVariable(Model, frozen=True, kw_only=True):
    """A variable that a template needs."""

    name: str
    description: str
    value: str
    secret: bool
    placeholder: str
    required: bool
    type: str


class TemplateFunction(Model, frozen=True, kw_only=True):
    """A function to begin with, on a Git host."""

    icon: str
    id: str
    name: str
    tagline: str
    permissions: list[str]
    events: list[str]
    cron: str
    timeout: int
    use_cases: list[str]
    runtimes: list[TemplateRuntime]
    instructions: str
    vcs_provider: str
    provider_repository_id: str
    provider_owner: str
    provider_version: str
    variables: list[TemplateVariable]
    scopes: list[str]


class TemplateFunctionList(Page, frozen=True, kw_only=True):
    """A page of templates."""

    templates: list[TemplateFunction]


class Deployment(Resource, frozen=True, kw_only=True):
    """One version of a function's code, and what became of its build."""

    type: str
    """``cli`` or ``manual``, by what sent it."""
    resource_id: str
    resource_type: str
    entrypoint: str
    source_size: int
    """Bytes, as are the other sizes."""
    build_size: int
    total_size: int
    build_id: str
    activate: bool
    """Whether it becomes the active one when it is ready."""
    screenshot_light: str
    screenshot_dark: str
    status: str
    build_logs: str
    build_duration: int
    """Seconds."""
    provider_repository_name: str
    provider_repository_owner: str
    provider_repository_url: str
    provider_commit_hash: str
    provider_commit_author_url: str
    provider_commit_author: str
    provider_commit_message: str
    provider_commit_url: str
    provider_branch: str
    provider_branch_url: str


class DeploymentList(Page, frozen=True, kw_only=True):
    """A page of deployments."""

    deployments: list[Deployment]


class Headers(Model, frozen=True, kw_only=True):
    """One header of a request or an answer."""

    name: str
    value: str


class Execution(Resource, frozen=True, kw_only=True):
    """One run of a function, and what came of it."""

    permissions: list[str] = system("permissions")
    resource_id: str
    resource_type: str
    deployment_id: str
    trigger: str
    """``http``, ``schedule`` or ``event``."""
    status: str
    """``scheduled``, ``waiting``, ``processing``, ``completed`` or ``failed``."""
    request_method: str
    request_path: str
    request_headers: list[Headers]
    response_status_code: int
    response_body: str
    """Only in the answer to a synchronous call."""
    response_headers: list[Headers]
    logs: str
    """The logs, which only programs with a key and people of the console see, as they do the errors; else
    empty."""
    errors: str
    duration: float
    """Seconds."""
    scheduled_at: str | None


class ExecutionList(Page, frozen=True, kw_only=True):
    """A page of executions."""

    executions: list[Execution]
