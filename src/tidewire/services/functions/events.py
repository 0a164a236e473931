"""Events of the functions service."""

from __future__ import annotations

from typing import Final

FUNCTION_CREATED: Final = "functions.[functionId].create"
FUNCTION_UPDATED: Final = "functions.[functionId].update"
FUNCTION_DELETED: Final = "functions.[functionId].delete"
DEPLOYMENT_CREATED: Final = "functions.[functionId].deployments.[deploymentId].create"
DEPLOYMENT_UPDATED: Final = "functions.[functionId].deployments.[deploymentId].update"
DEPLOYMENT_DELETED: Final = "functions.[functionId].deployments.[deploymentId].delete"
EXECUTION_CREATED: Final = "functions.[functionId].executions.[executionId].create"
EXECUTION_UPDATED: Final = "functions.[functionId].executions.[executionId].update"
EXECUTION_DELETED: Final = "functions.[functionId].executions.[executionId].delete"
