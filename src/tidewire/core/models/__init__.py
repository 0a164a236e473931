"""Response models, field for field as in the API catalog, in the order they appear on the wire."""

from tidewire.core.models.account import *
from tidewire.core.models.advisor import *
from tidewire.core.models.base import *
from tidewire.core.models.columns import *
from tidewire.core.models.databases import *
from tidewire.core.models.functions import *
from tidewire.core.models.health import *
from tidewire.core.models.keys import *
from tidewire.core.models.messaging import *
from tidewire.core.models.notifications import *
from tidewire.core.models.oauth2 import *
from tidewire.core.models.platforms import *
from tidewire.core.models.policies import *
from tidewire.core.models.projects import *
from tidewire.core.models.proxy import *
from tidewire.core.models.server import *
from tidewire.core.models.stages import *
from tidewire.core.models.storage import *
from tidewire.core.models.teams import *
from tidewire.core.models.templates import *
from tidewire.core.models.users import *
from tidewire.core.models.webhooks import *
