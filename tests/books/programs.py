"""Programs as introductory books write them: the same text runs under either framework and prints the same."""

PROGRAMS = {
    "basics": """
x = torch.arange(12); print(x, x.numel(), x.shape)
X = x.reshape(3, 4); print(X, X[-1], X[1:3])
X[1, 2] = 17; X[:2, :] += 12; print(X)
Y = torch.tensor([[2.0, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]])
print(torch.cat((X, Y), dim=0), torch.cat((X, Y), dim=1), X == Y, X.sum(), type(X), X.layout)
print(torch.arange(3).reshape(3, 1) + torch.arange(2).reshape(1, 2))
print(Y.mean(axis=0), Y.sum(axis=1, keepdims=True), Y.cumsum(axis=0), Y.T, Y.tolist(), len(Y))
""",
    "printing": """
print(torch.tensor(3.0), torch.tensor(3), torch.tensor(True), torch.tensor([]), torch.empty(0, 3))
print(torch.tensor([1e-5, 1.0]), torch.tensor([1e9, 1.0]), torch.tensor([0.1, 1000.0, 100000.0]))
print(torch.tensor([float("nan"), float("inf"), -1.0]), torch.tensor([True, False]))
print(torch.arange(2000), torch.arange(2000.0).reshape(40, 50), torch.zeros(200, 200))
print(torch.tensor([[1.0]], dtype=torch.float64), torch.tensor([1], dtype=torch.int32))
print(torch.tensor([1.0], requires_grad=True) * 2, f"{torch.tensor(3.14159):.2f}", [torch.ones(2)])
""",
    "indexing": """
t = torch.tensor([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
print(t[0], t[:, 1], t[1:, 1:], t[..., 0], t[::2], t[[0, 2]], t[t > 4], t[[0, 1], [1, 2]])
v = t.view(-1); v[0] = 100; t[t > 6] = 0; t[:, 0] = torch.tensor([7, 8, 9]); print(t)
print(torch.where(t > 3, t, -t), t.nonzero(), t.max(dim=0), torch.sort(t, descending=True), t.float().topk(2))
print(t.flip(0), t.roll(1), torch.tril(t), torch.diag(t), torch.zeros(3, 3).fill_diagonal_(5))
""",
    "autograd": """
x = torch.arange(4.0, requires_grad=True); y = 2 * torch.dot(x, x); print(x.grad, y); y.backward()
print(x.grad, x.grad == 4 * x); x.grad.zero_(); u = (x * x).detach(); (u * x).sum().backward(); print(x.grad == u)
a, b = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0, requires_grad=True); c = a * b + a**2
print(c, a.is_leaf, c.is_leaf, [f.name() for f, _ in c.grad_fn.next_functions])
c.backward(retain_graph=True); c.backward(); print(a.grad, b.grad)
with torch.no_grad(): print((a * 2).requires_grad)
g, = torch.autograd.grad(a**3, a, create_graph=True); print(torch.autograd.grad(g, a))
""",
    "products": """
t = torch.arange(6.0).reshape(2, 3)
print(torch.einsum("ij,kj->ik", t, t), torch.einsum("ij->ji", t), torch.einsum("ij->", t), torch.einsum("ij,ij->i", t, t))
print(torch.einsum("ii->i", torch.eye(2)), torch.einsum("...ij,...jk", torch.ones(5, 2, 3), torch.ones(3, 2)).shape)
print(torch.einsum("i,j,k->ijk", t[0], t[1], t[0]), torch.tensordot(t, t, ([1], [1])), torch.inner(t, t))
print(torch.kron(torch.eye(2), t), torch.cdist(t, t + 1), torch.trace(t), torch.outer(t[0], t[1]))
print(torch.linalg.norm(t), torch.linalg.norm(t, ord=1), torch.linalg.vector_norm(t, ord=1, dim=0), torch.linalg.matrix_norm(t))
""",
    "statistics": """
x = torch.tensor([1.0, 5.0, 2.0, 2.0])
print(torch.quantile(x, 0.25), torch.quantile(x, torch.tensor([0.1, 0.5])), torch.histc(x, bins=4, min=0, max=5))
print(torch.diff(x), torch.cov(x), torch.cov(torch.stack([x, x * x])), torch.corrcoef(torch.stack([x, x * x])))
print(torch.logaddexp(x, x - 1), torch.logit(x / 10), torch.xlogy(x - 1, x - 1), torch.frac(x / 2), torch.rad2deg(x))
print(torch.cuda.is_available(), torch.device("cuda" if torch.cuda.is_available() else "cpu"), torch.broadcast_shapes((2, 1), (3,)))
""",
    "fizzbuzz": """
def fizz(i): return 3 if i % 15 == 0 else 2 if i % 5 == 0 else 1 if i % 3 == 0 else 0
X = torch.tensor([[i >> d & 1 for d in range(10)] for i in range(101, 1024)], dtype=torch.float32)
y = torch.tensor([fizz(i) for i in range(101, 1024)]); torch.manual_seed(0); nn = torch.nn
m = nn.Sequential(nn.Linear(10, 40), nn.ReLU(), nn.Linear(40, 4)); opt = torch.optim.Adam(m.parameters(), lr=0.01); print(m, opt)
for e in range(10):
    loss = nn.CrossEntropyLoss()(m(X), y); opt.zero_grad(); loss.backward(); opt.step(); print(e, f"{loss.item():.3f}")
s = torch.optim.lr_scheduler.StepLR(opt, 1, 0.5); opt.step(); s.step(); print(s.get_last_lr())
""",
    "threes_and_sevens": """
torch.manual_seed(3); threes = torch.rand(20, 28, 28); sevens = torch.rand(20, 28, 28) * 0.5
def dist(a, b): return (a - b).abs().mean((-1, -2))
near = dist(threes, threes.mean(0)) < dist(threes, sevens.mean(0)); print(near, near.float().mean())
x = torch.cat([threes, sevens]).view(-1, 784); y = torch.tensor([1] * 20 + [0] * 20).unsqueeze(1); print(x.shape, y.shape)
w = (torch.randn(784, 1) * 0.1).requires_grad_(); p = (x @ w).sigmoid(); loss = torch.where(y == 1, 1 - p, p).mean()
loss.backward(); print(f"{loss:.4f}", w.grad.shape); w.data -= w.grad; w.grad.zero_(); print(w.grad.sum())
""",
    "data": """
class D(torch.utils.data.Dataset):
    def __len__(self): return 7
    def __getitem__(self, i): return {"x": torch.tensor([i, i * 2.0]), "y": i % 2, "n": str(i)}
torch.manual_seed(0)
for b in torch.utils.data.DataLoader(D(), batch_size=3, shuffle=True): print(b)
tr, te = torch.utils.data.random_split(D(), [5, 2]); print(len(tr), te.indices, tr[0])
print(next(iter(torch.utils.data.DataLoader([1.5, 2.5, 3.5], batch_size=2))))
""",
    "images": """
F = torch.nn.functional; x = torch.arange(16.0).reshape(1, 1, 4, 4)
print(F.interpolate(x, scale_factor=2), F.interpolate(x, size=(2, 2), mode="bilinear"))
print(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True), torch.nn.Upsample(scale_factor=2), torch.nn.PixelShuffle(2))
print(F.pixel_shuffle(torch.arange(8.0).reshape(1, 8, 1, 1), 2), F.pixel_unshuffle(x, 2), F.max_pool2d(x, 2), F.unfold(x, 2).shape)
""",
    "modules": """
nn = torch.nn; torch.manual_seed(1)
class Net(nn.Module):
    def __init__(self):
        super().__init__(); self.fc = nn.Linear(4, 3); self.more = nn.ModuleList([nn.Linear(3, 3) for _ in range(2)]); self.p = nn.Parameter(torch.zeros(2))
    def forward(self, x):
        x = self.fc(x)
        for layer in self.more: x = x + torch.relu(layer(x))
        return x
n = Net(); print(n, list(n.state_dict()), n.p, n.fc.bias); seen = {}
h = n.fc.register_forward_hook(lambda m, i, o: seen.update(mean=round(o.mean().item(), 3))); print(n(torch.ones(1, 4)), seen)
m = Net(); print(m.load_state_dict(n.state_dict()), torch.equal(m(torch.ones(4)), n(torch.ones(4))))
""",
}
