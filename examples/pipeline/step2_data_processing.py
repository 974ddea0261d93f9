"""Pipeline example, step 2: split the data that step 1 kept."""

import pickle

from sklearn.model_selection import train_test_split

from trackside import StorageManager, Task

task = Task.init(project_name="examples", task_name="pipeline step 2 process dataset")

args = {
    "dataset_task_id": "",
    "dataset_url": "",
    "random_state": 42,
    "test_size": 0.2,
}
task.connect(args)
print(f"Arguments: {args}")

task.execute_remotely()

if args["dataset_task_id"]:
    dataset_task = Task.get_task(task_id=args["dataset_task_id"])
    iris_pickle = dataset_task.artifacts["dataset"].get_local_copy()
elif args["dataset_url"]:
    iris_pickle = StorageManager.get_local_copy(remote_url=args["dataset_url"])
else:
    raise ValueError("give either dataset_task_id or dataset_url")

with open(iris_pickle, "rb") as file:
    iris = pickle.load(file)

X_train, X_test, y_train, y_test = train_test_split(
    iris["data"], iris["target"], test_size=args["test_size"], random_state=args["random_state"]
)

task.upload_artifact("X_train", X_train)
task.upload_artifact("X_test", X_test)
task.upload_artifact("y_train", y_train)
task.upload_artifact("y_test", y_test)

print(f"Split into {len(X_train)} rows to train on and {len(X_test)} to test with")
print("Done")
