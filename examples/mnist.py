"""MNIST with an MLP and with a small conv net: `python examples/mnist.py --data FOLDER`.

FOLDER holds the four idx files (plain or .gz) named as MNIST's. The training file may hold fewer than
60,000 images; accuracy is on the whole official test set.
"""

from __future__ import annotations

import argparse
import time

import thalweg as tw
from thalweg import nn
from thalweg.nn import functional as F
from thalweg.utils.data import DataLoader, TensorDataset
from thalweg.vision import idx_folder


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, 10)
    )


def conv_net() -> nn.Module:
    def block(inputs: int, outputs: int, size: int) -> list[nn.Module]:
        conv = nn.Conv2d(inputs, outputs, size, padding=size // 2)
        return [conv, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]

    return nn.Sequential(
        *block(1, 16, 5), *block(16, 32, 3), nn.Flatten(), nn.Dropout(0.3), nn.Linear(32 * 49, 10)
    )


def accuracy(net: nn.Module, loader: DataLoader) -> float:
    net.eval()
    right = count = 0
    with tw.no_grad():
        for x, y in loader:
            right += (net(x).argmax(1) == y).sum().item()
            count += len(y)
    net.train()
    return right / count


def train(net: nn.Module, train_loader: DataLoader, epochs: int, lr: float) -> None:
    optimizer = tw.optim.AdamW(net.parameters(), lr=lr)
    schedule = tw.optim.lr_scheduler.OneCycleLR(
        optimizer, lr, total_steps=epochs * len(train_loader)
    )
    for epoch in range(epochs):
        start, total = time.perf_counter(), 0.0
        for i, (x, y) in enumerate(train_loader):
            loss = F.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if (epoch, i) != (epochs - 1, len(train_loader) - 1):
                schedule.step()
            total += loss.item()
        seconds = time.perf_counter() - start
        print(
            f"epoch {epoch + 1}: loss {total / len(train_loader):.4f}, {seconds:.1f} s", flush=True
        )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", required=True, help="folder with MNIST's idx files")
    options = arguments.parse_args()
    images = idx_folder(options.data)
    x, x_test = images.x.unsqueeze(1), images.x_test.unsqueeze(1)
    train_loader = DataLoader(TensorDataset(x, images.y), batch_size=64, shuffle=True)
    test_loader = DataLoader(TensorDataset(x_test, images.y_test), batch_size=500)
    print(f"{len(x)} training images, {len(x_test)} test images")
    for name, make, lr, epochs in (("MLP", mlp, 3e-3, 10), ("conv net", conv_net, 5e-3, 5)):
        tw.manual_seed(0)
        net = make()
        train(net, train_loader, epochs, lr)
        print(f"{name}: {accuracy(net, test_loader):.2%} of the official test set", flush=True)


if __name__ == "__main__":
    main()
