"""What a student learns of labels that its teacher memorized, predicted for linear classifiers."""

from widthwise.dynamics.distillation.classes import SoftmaxStudent as SoftmaxStudent
from widthwise.dynamics.distillation.classes import SoftmaxTeacher as SoftmaxTeacher
from widthwise.dynamics.distillation.classes import memorization_capacity as memorization_capacity
from widthwise.dynamics.distillation.classes import softmax_student as softmax_student
from widthwise.dynamics.distillation.classes import softmax_teacher as softmax_teacher
from widthwise.dynamics.distillation.student import LinearStudent as LinearStudent
from widthwise.dynamics.distillation.student import linear_student as linear_student
from widthwise.dynamics.distillation.student import recovery_fraction as recovery_fraction
from widthwise.dynamics.distillation.student import (
    shuffled_student_accuracy as shuffled_student_accuracy,
)
from widthwise.dynamics.distillation.teacher import LinearTeacher as LinearTeacher
from widthwise.dynamics.distillation.teacher import hard_margin_teacher as hard_margin_teacher
from widthwise.dynamics.distillation.teacher import least_squares_teacher as least_squares_teacher
from widthwise.dynamics.distillation.teacher import logistic_teacher as logistic_teacher
