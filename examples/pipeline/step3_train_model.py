"""Pipeline example, step 3: train on what step 2 split."""

import joblib
import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression

from trackside import Task

task = Task.init(project_name="examples", task_name="pipeline step 3 train model")

args = {
    "dataset_task_id": "REPLACE_WITH_DATASET_TASK_ID",
}
task.connect(args)

task.execute_remotely()

print("Retrieving the data set")
dataset_task = Task.get_task(task_id=args["dataset_task_id"])
X_train = dataset_task.artifacts["X_train"].get()
X_test = dataset_task.artifacts["X_test"].get()
y_train = dataset_task.artifacts["y_train"].get()
y_test = dataset_task.artifacts["y_test"].get()

model = LogisticRegression(max_iter=1000)
model.fit(X_train, y_train)
joblib.dump(model, "model.pkl", compress=True)

accuracy = model.score(X_test, y_test)
print(f"model trained and stored, accuracy {accuracy:.4f}")
task.get_logger().report_single_value("accuracy", accuracy)

x_min, x_max = X_test[:, 0].min() - 0.5, X_test[:, 0].max() + 0.5
y_min, y_max = X_test[:, 1].min() - 0.5, X_test[:, 1].max() + 0.5
plt.figure(1, figsize=(4, 3))
plt.scatter(X_test[:, 0], X_test[:, 1], c=y_test, edgecolors="k", cmap=plt.cm.Paired)
plt.xlabel("Sepal length")
plt.ylabel("Sepal width")
plt.title("Iris Types")
plt.xlim(x_min, x_max)
plt.ylim(y_min, y_max)
plt.show()

print("Done")
