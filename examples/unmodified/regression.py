"""Regression: a year's progression of diabetes from ten measurements (442 patients; scikit-learn's copy of the data)."""

import time

import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(1)
table = load_diabetes()
x = torch.tensor(table.data, dtype=torch.float32)
y = torch.tensor(table.target, dtype=torch.float32).unsqueeze(1)
x = (x - x.mean(0)) / x.std(0)
mean, spread = y.mean(), y.std()
patients = TensorDataset(x, (y - mean) / spread)
train, held_out = random_split(patients, [342, 100])

model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-2)
loader = DataLoader(train, batch_size=32, shuffle=True)


def evaluate():
    model.eval()
    total = 0.0
    with torch.no_grad():
        for inputs, targets in DataLoader(held_out, batch_size=50):
            total += criterion(model(inputs), targets).item() * len(inputs)
    return total / len(held_out)


start = time.perf_counter()
for epoch in range(1, 31):
    model.train()
    running = 0.0
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(inputs)
    if epoch % 3 == 0:
        print(f"epoch {epoch:2d}  train {running / len(train):.4g}  held out {evaluate():.4g}")
error = (evaluate() ** 0.5) * spread.item()
print(f"typical error on the held-out patients: {error:.4g} (the target's spread is {spread:.4g})")
print(f"seconds: {time.perf_counter() - start:.2f}")
