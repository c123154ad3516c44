"""What a tape node is called and what lies below it: a table of expressions, told by both libraries alike."""

from __future__ import annotations

from typing import Any

import pytest

import thalweg as tw

# Names in the expressions: m the library, F its functional; x, y (3, 4), s (3, 3), v (4,), b (2, 3, 4) and image
# (2, 3, 6, 6) require grad, p (3, 4) does not; z and w are x * 1 and y * 1, on the tape; k, rows, mask, labels: indices.
EXPRESSIONS = """
x + y
x + p
p + x
x + 1
1 + x
x.add(y, alpha=2)
x.add(1, alpha=2)
x - y
x - 1
1 - x
x.sub(y, alpha=3)
m.rsub(x, y)
x.div(y, rounding_mode="floor")
x.div(2, rounding_mode="trunc")
x * y
x * 2
2 * x
x * x
x / y
x / 2
2 / x
-x
x ** 2
x ** 0.5
x ** y
x ** p
p ** x
2 ** x
x.square()
x % 2
x % p
x.remainder(y)
x.fmod(2)
x.fmod(p)
m.maximum(x, y)
m.minimum(x, p)
x.max(y)
m.atan2(x, y)
m.hypot(x, p)
m.copysign(x, y)
m.copysign(x, 1.0)
m.logaddexp(x, y)
m.xlogy(x, y)
m.xlogy(x, 2.0)
m.xlogy(p, y)
m.lerp(x, y, 0.5)
m.lerp(x, y, p)
m.addcmul(x, y, p)
m.addcdiv(x, y, p, value=2)
x.clamp(0, 1)
x.clamp(min=0)
x.clamp(max=1)
x.clamp(p, y)
x.clamp(min=p)
x.clamp_min(0.5)
x.clamp_min(p)
x.clamp_max(0.5)
x.clamp_max(y)
m.where(mask, x, y)
m.where(mask, x, p)
m.where(mask, x, 0.0)
m.where(mask, 1.0, x)
x.where(mask, y)
x.masked_fill(mask, 0.0)
x.masked_fill(mask, v[0])
x.masked_fill(mask, v[0].detach())
x.masked_select(mask)
x.masked_scatter(mask, y)
x.exp()
x.exp2()
x.expm1()
x.log()
x.log2()
x.log10()
x.log1p()
x.sqrt()
x.rsqrt()
x.reciprocal()
x.sigmoid()
x.tanh()
x.relu()
x.erf()
x.sin()
x.atan()
x.sinh()
x.abs()
x.sign()
x.floor()
x.round()
x.round(decimals=1)
x.frac()
x.trunc()
x.deg2rad()
x.nan_to_num()
x.logit()
x.sum()
x.sum(0)
x.sum((0, 1))
x.sum(dtype=m.float64)
x.mean()
x.mean(1)
x.mean(1, keepdim=True)
x.prod()
x.prod(1)
x.std()
x.std(1)
x.var(1, keepdim=True)
x.norm()
x.norm(1)
x.norm(dim=1)
x.norm(p=3, dim=1)
x.max()
x.min()
x.max(1)[0]
x.max(1).values
x.min(0)[0]
x.amax(1)
x.amin()
x.median()
x.median(1)[0]
x.nanmedian()
x.kthvalue(1)[0]
x.logsumexp(1)
x.cumsum(0)
x.cumprod(0)
x.logcumsumexp(0)
x.cummax(0)[0]
x.diff()
x.softmax(1)
x.log_softmax(1)
F.softmax(x, 1)
F.softmin(x, 1)
F.gumbel_softmax(x, dim=1)
x.t() @ s
x.mm(y.t())
m.matmul(x, v)
v @ v
v @ x.t()
b @ x.t()
b @ b.transpose(1, 2)
b @ v
v @ b.transpose(1, 2)
s @ b
b[None] @ b.transpose(1, 2)
b[None] @ x.t()
b[None] @ b[None].transpose(2, 3)
m.bmm(b, b.transpose(1, 2))
m.mv(x, v)
m.dot(v, v)
m.outer(v, v)
m.addmm(s, x, y.t())
m.addmm(s.detach(), x, p.t())
m.addmv(x[:, 0], x, v)
m.baddbmm(s, b, b.transpose(1, 2))
m.addmm(s, x, y.t(), beta=2, alpha=3)
F.linear(x, y)
F.linear(x, y, s[0])
F.linear(p, y, s[0])
F.linear(x, y, m.ones(3))
F.linear(b, y)
F.linear(b, y, s[0])
F.linear(b[None], y, s[0])
F.linear(v, y)
F.linear(v, y, s[0])
F.embedding(rows, x)
F.embedding(rows, x, padding_idx=0)
F.mse_loss(x, y)
F.mse_loss(x, p)
F.mse_loss(x, p, reduction="none")
F.l1_loss(x, y)
F.l1_loss(x, p, reduction="sum")
F.smooth_l1_loss(x, p)
F.huber_loss(x, p)
F.kl_div(x, p)
F.kl_div(x, p, reduction="batchmean")
F.cross_entropy(x, labels)
F.cross_entropy(x, labels, weight=v.detach())
F.nll_loss(x, labels)
F.nll_loss(x, labels, weight=v.detach())
F.nll_loss(image, m.zeros(2, 6, 6, dtype=m.int64))
F.binary_cross_entropy(x.sigmoid(), p.sigmoid())
F.binary_cross_entropy_with_logits(x, p)
F.binary_cross_entropy_with_logits(x, p, pos_weight=v.detach())
F.hinge_embedding_loss(x, p.sign())
F.margin_ranking_loss(x, y, p.sign())
F.cosine_embedding_loss(x, y, m.ones(3))
F.poisson_nll_loss(x, p)
F.gaussian_nll_loss(x, p, y.abs())
F.conv2d(image, kernel)
F.conv2d(image, kernel, kernel[:, 0, 0, 0])
F.conv2d(image.detach(), kernel, m.ones(2))
F.conv1d(b, m.ones(2, 3, 2, requires_grad=True))
F.conv_transpose2d(image, m.ones(3, 2, 2, 2, requires_grad=True))
F.conv2d(image[0], kernel)
F.max_pool2d(image, 2)
F.max_pool1d(b, 2)
F.avg_pool2d(image, 2)
F.avg_pool1d(b, 2)
F.adaptive_avg_pool2d(image, 1)
F.adaptive_avg_pool2d(image, 2)
F.pad(x, (1, 1))
F.pad(b, (1, 1), mode="reflect")
F.pad(image, (1, 1, 1, 1), mode="replicate")
F.batch_norm(image, None, None, training=True)
F.batch_norm(image, m.zeros(3), m.ones(3), s[0], s[1])
F.batch_norm(x, None, None, v, v, training=True)
F.layer_norm(x, (4,))
F.layer_norm(x, (4,), v, v)
F.layer_norm(x, (4,), v.detach(), v)
F.group_norm(image, 3)
F.group_norm(image, 1, s[0], s[1])
F.rms_norm(x, (4,))
F.rms_norm(x, (4,), v)
F.dropout(x, 0.5)
F.dropout2d(image, 0.5)
F.alpha_dropout(x, 0.5, training=True)
F.relu(x)
F.relu6(x)
F.leaky_relu(x)
F.elu(x)
F.selu(x)
F.celu(x)
F.gelu(x)
F.gelu(x, approximate="tanh")
F.silu(x)
F.mish(x)
F.softplus(x)
F.logsigmoid(x)
F.hardtanh(x)
F.hardswish(x)
F.hardsigmoid(x)
F.hardshrink(x)
F.softshrink(x)
F.tanhshrink(x)
F.softsign(x)
F.threshold(x, 0.1, 0.0)
F.glu(x)
F.prelu(x, m.ones(1))
F.scaled_dot_product_attention(b[None], b[None], b[None])
m.cat([x, y])
m.cat([x, p, y], 1)
m.cat([x])
m.stack([x, y])
m.stack([p, x], 1)
m.hstack([x, y])
m.vstack([v, v])
m.column_stack([v, v])
m.dstack([x, y])
m.block_diag(x, y)
x.chunk(2, 1)[0]
x.split(1)[1]
x.split([1, 2])[1]
x.unbind()[1]
m.tensor_split(x, 2, 1)[0]
m.meshgrid(v, v, indexing="ij")[0]
m.broadcast_tensors(x, v)[1]
m.cartesian_prod(v, v)
x[0]
x[0, 1]
x[-1]
x[1:]
x[1:, ::2]
x[:]
x[...]
x[None]
x[..., 0]
x[:, None, 1]
x[rows]
x[rows, labels[:2]]
x[[0, 1]]
x[:, rows]
x[mask]
x[x > 0]
x[k]
x[0, [1, 2]]
x[m.tensor(1)]
x[True]
x.take(rows)
x.gather(1, index)
x.index_select(0, rows)
x.take_along_dim(index, 1)
x.index_add(0, rows, y[:2])
x.index_add(0, rows, p[:2])
x.index_copy(0, rows, y[:2])
x.index_fill(0, rows, 1.0)
x.index_fill(0, rows, v[0])
x.index_put((rows,), y[:2])
x.index_put((rows,), p[:2], accumulate=True)
x.scatter(1, index, y)
x.scatter(1, index, p)
x.scatter(1, index, 1.0)
x.scatter_add(1, index, y)
x.scatter_reduce(1, index, p, "sum")
x.put(rows, y[0, :2])
x.view(12)
x.view(2, 6)
x.view_as(y)
x.reshape(4, 3)
x.reshape(3, 4)
x.t().reshape(12)
x.t().reshape(3, 4)
x.t().flatten()
x.t().contiguous()
x.contiguous()
x.flatten()
b.flatten(1)
v.flatten()
x.unflatten(1, (2, 2))
x.ravel()
x.squeeze()
x[None].squeeze(0)
x[None].squeeze((0, 1))
x.unsqueeze(1)
x.t()
v.t()
x.T
x.mT
x.transpose(0, 1)
b.permute(2, 0, 1)
b.movedim(0, 1)
b.swapaxes(0, 1)
x.expand(2, 3, 4)
x.expand_as(b)
x.broadcast_to((2, 3, 4))
x.repeat(2, 1)
x.repeat_interleave(2, 0)
x.tile(2)
x.select(0, 1)
x.narrow(0, 1, 2)
x.diagonal()
v.diag()
v.diag_embed()
x.tril()
x.triu(1)
x.flip(0)
x.fliplr()
x.rot90()
x.roll(1, 0)
x.roll(1)
x.unfold(0, 2, 1)
x.as_strided((2, 2), (1, 2))
x.clone()
x.double()
x.to(m.float64)
x.float()
x.type(m.float64)
x.sort()[0]
x.sort(stable=True)[0]
x.msort()
x.topk(2)[0]
x.requires_grad_().exp()
m.zeros_like(x) + x
z.add_(1)
z.add_(p)
z.add_(y)
z.add_(y, alpha=2)
z.sub_(1)
z.mul_(2)
z.mul_(y)
z.div_(2)
z.div_(y)
z.pow_(2)
z.pow_(y)
z.neg_()
z.exp_()
z.sqrt_()
z.relu_()
z.sigmoid_()
z.tanh_()
z.abs_()
z.clamp_(0, 1)
z.clamp_min_(0)
z.zero_()
z.fill_(1)
z.fill_(v[0])
z.copy_(p)
z.copy_(y)
z.copy_(v)
z.copy_(y * 2)
p.copy_(x)
p.copy_(x * 2)
p.add_(x)
p.mul_(x)
z.masked_fill_(mask, 0.0)
z.masked_scatter_(mask, y)
z.index_add_(0, rows, y[:2])
z.index_fill_(0, rows, 0.0)
z.index_copy_(0, rows, p[:2])
z.index_put_((rows,), p[:2])
z.scatter_(1, index, 1.0)
z.scatter_add_(1, index, y)
z.addcmul_(x, y)
z.addcdiv_(x, y)
z.lerp_(y, 0.5)
z.clone().normal_()
z.uniform_()
z.bernoulli_(0.5)
z.t_()
z.unsqueeze_(0)
z.squeeze_()
z.transpose_(0, 1)
z.detach_().requires_grad_() * 2
z.requires_grad_()
z.tril_()
z.cumsum_(0)
z.round_()
z.floor_()
z.remainder_(2)
F.relu(z, inplace=True)
F.hardtanh(z, inplace=True)
F.dropout(z, 0.5, inplace=True)
F.silu(z, inplace=True)
written(z, 0, 1.0)
written(z, 0, v)
written(z, (0, 1), 3.0)
written(z, slice(1, None), y[1:])
written(z, rows, 0.0)
written(z, rows, y[:2])
written(z, mask, 0.0)
written(z, mask, x[mask])
written(z, (rows, labels[:2]), 1.0)
written(z, (slice(None), rows), 1.0)
written(p, 0, v)
written(p, rows, x[:2])
after(z[0], z.mul_(2))
after(z.t(), z.mul_(2))
"""

# Where the two differ: other parts make up the same function, or a write through a view is told in another way.
DIFFERENT = """
x.logit(0.1)
x.nansum()
x.nanmean()
x.aminmax()[0]
m.dist(x, y)
m.einsum("ij,kj->ik", x, y)
F.bilinear(x, x, m.ones(2, 4, 4, requires_grad=True), m.ones(2, requires_grad=True))
F.cross_entropy(x, labels, label_smoothing=0.1)
F.cross_entropy(x, p)
F.soft_margin_loss(x, p)
F.triplet_margin_loss(x, y, p)
F.cosine_similarity(x, y)
F.pairwise_distance(x, y)
F.normalize(x)
F.adaptive_max_pool2d(image, 2)
F.unfold(image, 2)
F.interpolate(image, scale_factor=2)
F.interpolate(image, scale_factor=2, mode="bilinear")
F.pixel_shuffle(m.ones(1, 4, 2, 2, requires_grad=True), 2)
F.pad(image, (1, 1, 1, 1), mode="circular")
F.instance_norm(image)
F.prelu(x, v[:1])
F.scaled_dot_product_attention(b, b, b)
x.diag()
s.trace()
F.leaky_relu(z, inplace=True)
F.elu(z, inplace=True)
F.threshold(z, 0.1, 0.0, inplace=True)
written(z, Ellipsis, 2.0)
after(z, z[0].mul_(2))
after(z, z[0].zero_())
after(z, z.view(12).add_(1))
after(p, p[0].add_(v))
"""


def _written(target: Any, key: Any, value: Any) -> Any:
    target[key] = value
    return target


def _after(target: Any, _: Any) -> Any:
    return target


def _names(m: Any) -> dict[str, Any]:
    def values(*shape: int) -> Any:
        count = 1
        for n in shape:
            count *= n
        return ((m.arange(count, dtype=m.float32) + 1) / (count + 1)).view(*shape)

    def leaf(*shape: int) -> Any:
        return values(*shape).clone().requires_grad_()

    x, y = leaf(3, 4), leaf(3, 4)
    return {
        "m": m, "F": m.nn.functional, "x": x, "y": y, "p": values(3, 4).clone(), "s": leaf(3, 3), "v": leaf(4),
        "b": leaf(2, 3, 4), "image": leaf(2, 3, 6, 6), "kernel": leaf(2, 3, 2, 2), "z": x * 1, "w": y * 1,
        "k": m.tensor(1), "rows": m.tensor([0, 2]), "labels": m.tensor([1, 0, 3]), "mask": values(3, 4) > 0.5,
        "index": m.tensor([[0, 1, 2, 3]] * 3), "written": _written, "after": _after,
    }  # fmt: skip


def node_and_below(m: Any, expression: str) -> list[Any]:
    """The node's name, and for each of its next functions the name and the output's number."""
    result = eval(expression, _names(m))
    node = result.grad_fn
    if node is None:
        return [None]
    below = [(None if n is None else type(n).__name__, nr) for n, nr in node.next_functions]
    return [type(node).__name__, *below]


CASES = [
    *EXPRESSIONS.strip().splitlines(),
    *(
        pytest.param(e, marks=pytest.mark.xfail(strict=True, raises=AssertionError))
        for e in DIFFERENT.strip().splitlines()
    ),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", CASES)
def test_node_and_next_functions(expression: str) -> None:
    torch = pytest.importorskip("torch")
    assert node_and_below(tw, expression) == node_and_below(torch, expression)


def test_a_node_that_stands_for_a_part_refuses_hooks() -> None:
    w = tw.ones(2, 3, requires_grad=True)
    part = tw.nn.functional.linear(tw.ones(1, 3), w).grad_fn.next_functions[1][0]
    assert part.name() == "TBackward0"
    assert part.next_functions[0][0].variable is w
    with pytest.raises(NotImplementedError, match="hook that node"):
        part.register_hook(print)
    with pytest.raises(NotImplementedError, match="hook that node"):
        part.register_prehook(print)


def test_what_is_shown_stays_the_same_object() -> None:
    y = tw.ones(2, 2, 3, requires_grad=True) @ tw.ones(3, 2)
    assert y.grad_fn.next_functions[0][0] is y.grad_fn.next_functions[0][0]
