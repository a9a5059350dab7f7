"""How fast features move in wide random networks: angles, and the scalings that follow."""

from widthwise.kernels.feature_speed.angles import LayerAngles as LayerAngles
from widthwise.kernels.feature_speed.batch import relu_batch_angles as relu_batch_angles
from widthwise.kernels.feature_speed.mlp import MLPAngles as MLPAngles
from widthwise.kernels.feature_speed.mlp import mlp_angles as mlp_angles
from widthwise.kernels.feature_speed.residual import residual_angle_limit as residual_angle_limit
from widthwise.kernels.feature_speed.residual import residual_angles as residual_angles
from widthwise.kernels.feature_speed.scaling import Scaling as Scaling
from widthwise.kernels.feature_speed.scaling import layer_scaling as layer_scaling
from widthwise.kernels.feature_speed.scaling import sensitivity as sensitivity
