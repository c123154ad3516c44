"""A variational autoencoder of 8x8 digits (scikit-learn's copy of the data). Kingma and Welling 2013, arXiv:1312.6114."""

import time

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader


class VAE(nn.Module):
    def __init__(self, latent=8):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(64, 128), nn.ReLU(inplace=True), nn.Linear(128, 64), nn.ReLU()
        )
        self.mu, self.logvar = nn.Linear(64, latent), nn.Linear(64, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, 64), nn.ReLU(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64)
        )

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        return self.decoder(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(logits, x, mu, logvar):
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    divergence = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return reconstruction + divergence, divergence


torch.manual_seed(42)
pixels = torch.tensor(load_digits().data, dtype=torch.float32) / 16
loader = DataLoader(pixels, batch_size=128, shuffle=True)
model = VAE()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)

start = time.perf_counter()
for epoch in range(1, 41):
    total = divergences = 0.0
    for x in loader:
        logits, mu, logvar = model(x)
        loss, divergence = loss_function(logits, x, mu, logvar)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += loss.item()
        divergences += divergence.item()
    if epoch % 5 == 0:
        n = len(pixels)
        print(f"epoch {epoch:2d}  loss {total / n:.4g}  of it divergence {divergences / n:.4g}")

model.eval()
with torch.no_grad():
    samples = torch.sigmoid(model.decoder(torch.randn(3, 8)))
for sample in samples.view(3, 8, 8):
    print("\n".join("".join(" .:*#"[int(v * 4.99)] for v in row) for row in sample.tolist()))
    print("-" * 8)
print(f"seconds: {time.perf_counter() - start:.2f}")
