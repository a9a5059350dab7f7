"""How much does a student learn of what its teacher only memorized?"""

from widthwise.studies.memorized_distillation.study import (
    MemorizedDistillation as MemorizedDistillation,
)
