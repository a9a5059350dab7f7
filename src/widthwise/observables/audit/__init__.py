"""What is wrong with a user's own network, layer by layer, from few training steps."""

from widthwise.observables.audit.audit import audit as audit
from widthwise.observables.audit.finding import Finding as Finding
from widthwise.observables.audit.result import Audit as Audit
from widthwise.observables.audit.result import AuditedLayer as AuditedLayer
