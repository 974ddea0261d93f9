"""Pipeline example, step 1: fetch the data and keep it as an artifact."""

from trackside import StorageManager, Task

task = Task.init(project_name="examples", task_name="pipeline step 1 dataset artifact")

# Only register the task: the pipeline runs a clone of it.
task.execute_remotely()

iris = StorageManager.get_local_copy(remote_url="http://127.0.0.1:8016/iris_dataset.pkl")

task.upload_artifact("dataset", artifact_object=iris)
print("uploading artifact in the background")
print("Done")
