"""The list of documents that Beanie is told of."""

from typing import Final

from beanie import Document

from models.answer import AnswerRequest
from models.audit import AuditBlock, AuditCheckpoint
from models.branch import Branch
from models.bucket import Bucket
from models.conversation import Conversation, Reader
from models.deletion import Deletion
from models.erasure import Erasure
from models.permission_change import PermissionChange
from models.policy import Policy
from models.resource_type import ResourceType
from models.revocation_rule import RevocationRule
from models.role import Role, RoleAssignment
from models.signing_key import SigningKey
from models.trusted_document import TrustedDocument, TrustedSet
from models.user import User

DOCUMENTS: Final[list[type[Document]]] = [
    AnswerRequest,
    AuditBlock,
    AuditCheckpoint,
    Branch,
    Bucket,
    Conversation,
    Deletion,
    Erasure,
    PermissionChange,
    Policy,
    Reader,
    ResourceType,
    RevocationRule,
    Role,
    RoleAssignment,
    SigningKey,
    TrustedDocument,
    TrustedSet,
    User,
]
