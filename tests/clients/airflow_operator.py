"""Airflow's KubernetesPodOperator: a pod, its log, and what it returns by its XCom sidecar, read by exec."""

import os
from importlib.metadata import version
from pathlib import Path

os.environ |= {"AIRFLOW_HOME": str(Path.cwd() / "airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from jobs import done

operator = KubernetesPodOperator(
    task_id="count",
    name="count",
    namespace="default",
    image="busybox",
    cmds=["sh", "-c", "echo counting; echo '{\"answer\": 42}' > /airflow/xcom/return.json"],
    do_xcom_push=True,
    config_file=os.environ["KUBECONFIG"],
    in_cluster=False,
    startup_check_interval_seconds=1,
    get_logs=True,
)


class Instance:
    """As much of a task instance as the operator asks for."""

    task_id, dag_id, run_id, map_index, try_number = "count", "dag", "run", -1, 1

    def xcom_push(self, key: str, value: object) -> None:
        """Where the pod is, which nobody asks for here."""


class Dag:
    parent_dag, is_subdag, dag_id = False, False, "dag"


if __name__ == "__main__":
    found = operator.execute({"ti": Instance(), "task_instance": Instance(), "run_id": "run", "dag": Dag()})
    assert found == {"answer": 42}, found
    done("Airflow's KubernetesPodOperator", version("apache-airflow-providers-cncf-kubernetes"))
