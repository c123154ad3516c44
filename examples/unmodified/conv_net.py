"""Classification: handwritten digits of 8x8 pixels (1,797 images; scikit-learn's copy of the data), by a conv net."""

import time

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(32)
        self.dropout = nn.Dropout(0.25)
        self.fc = nn.Linear(32 * 2 * 2, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)
        return self.fc(self.dropout(torch.flatten(x, 1)))


torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
digits = load_digits()
images = torch.from_numpy(digits.images).float().unsqueeze(1) / 16
labels = torch.from_numpy(digits.target).long()
order = torch.randperm(len(images))
images, labels = images[order], labels[order]
train = DataLoader(TensorDataset(images[:1400], labels[:1400]), batch_size=64, shuffle=True)
test = DataLoader(TensorDataset(images[1400:], labels[1400:]), batch_size=200)

model = Net().to(device)
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
epochs = 8
scheduler = optim.lr_scheduler.OneCycleLR(
    optimizer, max_lr=0.1, epochs=epochs, steps_per_epoch=len(train)
)
print(f"{sum(p.numel() for p in model.parameters())} parameters")

start = time.perf_counter()
for epoch in range(1, epochs + 1):
    model.train()
    total = 0.0
    for x, t in train:
        x, t = x.to(device), t.to(device)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), t)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        scheduler.step()
        total += loss.item() * x.size(0)
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, t in test:
            prediction = model(x.to(device)).argmax(dim=1, keepdim=True)
            correct += prediction.eq(t.to(device).view_as(prediction)).sum().item()
    rate = scheduler.get_last_lr()[0]
    print(f"epoch {epoch}  loss {total / 1400:.4g}  accuracy {correct}/397  next rate {rate:.4g}")
print(f"seconds: {time.perf_counter() - start:.2f}")
