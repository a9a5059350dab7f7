"""When does a random wide network behave like a random function?"""

from widthwise.studies.no_coincidence.study import NoCoincidence as NoCoincidence
