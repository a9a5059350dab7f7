"""How much do the features of every layer move in one step, and what decides it?"""

from widthwise.studies.feature_speed.study import FeatureSpeed as FeatureSpeed
