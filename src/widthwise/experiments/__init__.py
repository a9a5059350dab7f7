"""Study, Shard, Claim, Run: a prediction set beside a measurement, whatever they are about."""

from widthwise.experiments.claim import Claim as Claim
from widthwise.experiments.claim import JudgedClaim as JudgedClaim
from widthwise.experiments.claim import judge as judge
from widthwise.experiments.comparison import Comparison as Comparison
from widthwise.experiments.comparison import compare as compare
from widthwise.experiments.compilation import keep_compiled as keep_compiled
from widthwise.experiments.executors import Executor as Executor
from widthwise.experiments.executors import Handle as Handle
from widthwise.experiments.executors import Interrupted as Interrupted
from widthwise.experiments.executors import ProcessPool as ProcessPool
from widthwise.experiments.executors import Serial as Serial
from widthwise.experiments.executors import ShardError as ShardError
from widthwise.experiments.formula import Formula as Formula
from widthwise.experiments.parameters import Parameter as Parameter
from widthwise.experiments.part import Part as Part
from widthwise.experiments.ray_cluster import RayCluster as RayCluster
from widthwise.experiments.reference import Reference as Reference
from widthwise.experiments.run import Run as Run
from widthwise.experiments.shard import Shard as Shard
from widthwise.experiments.shard import member_keys as member_keys
from widthwise.experiments.shard import shards_of as shards_of
from widthwise.experiments.study import Study as Study
from widthwise.experiments.submitit_jobs import SubmititJobs as SubmititJobs
from widthwise.experiments.sweep import Sweep as Sweep
