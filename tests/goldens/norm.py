#!/usr/bin/env python3
"""Writes norm.hpp beside this file: what PyTorch gives for normalisation, embedding and attention. Channels are last.

Made with PyTorch 1.13 in float64.
"""

import torch
import torch.nn.functional as F

from arrays import case, keep, write

torch.set_default_dtype(torch.float64)
torch.manual_seed(11)


def channels_first(x):
    return x.movedim(-1, 1)


def channels_last(x):
    return x.movedim(1, -1)


# ---------------------------------------------------------------------------------------------------- rows

x = keep("norm_x", torch.randn(2, 3, 4) * 2 + 1)
weight, bias = keep("norm_weight", torch.randn(3, 4)), keep("norm_bias", torch.randn(3, 4))
g = keep("norm_cotangent", torch.randn(2, 3, 4))
case("layer_norm", lambda x, w, b: F.layer_norm(x, (4,), w, b), g, x, weight[0], bias[0])
case("layer_norm/two axes", lambda x, w, b: F.layer_norm(x, (3, 4), w, b, eps=0.1), g, x, weight, bias)
case("layer_norm/plain", lambda x: F.layer_norm(x, (4,)), g, x)
case("rms_norm", lambda x, w: x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-3) * w, g, x, weight[0])

# ---------------------------------------------------------------------------------------------------- channels

images = keep("images", torch.randn(3, 2, 5, 6) * 1.5 - 0.5)
scale, shift = keep("channel_weight", torch.randn(6)), keep("channel_bias", torch.randn(6))
image_g = keep("image_cotangent", torch.randn(3, 2, 5, 6))
for groups in (1, 3, 6):
    case(f"group_norm/{groups}",
         lambda x, w, b: channels_last(F.group_norm(channels_first(x), groups, w, b)), image_g, images, scale, shift)

mean, variance = keep("running_mean", torch.randn(6)), keep("running_var", torch.rand(6) + 0.1)
for name, value, cotangent in (("2d", images, image_g), ("3", images[0], image_g[0]), ("2", images[0, 0], image_g[0, 0])):
    case(f"batch_norm/{name}",
         lambda x, w, b: channels_last(F.batch_norm(channels_first(x), None, None, w, b, training=True)),
         cotangent, value, scale, shift)
    case(f"batch_norm/{name}/given",
         lambda x, w, b: channels_last(F.batch_norm(channels_first(x), mean, variance, w, b)), cotangent, value, scale, shift)

for name, momentum in (("default", 0.1), ("cumulative", None)):
    layer = torch.nn.BatchNorm2d(6, momentum=momentum)
    for batch in (images, images[:2] * 3 + 1, images[1:] - 2):
        layer(channels_first(batch))
    keep(f"batch_norm/{name}/mean", layer.running_mean)
    keep(f"batch_norm/{name}/var", layer.running_var)
    layer.eval()
    keep(f"batch_norm/{name}/eval", channels_last(layer(channels_first(images))))

# ---------------------------------------------------------------------------------------------------- embedding

table = keep("table", torch.randn(5, 3))
ids = torch.tensor([[1, 4, 0], [1, 2, 1]])
ids_g = keep("ids_cotangent", torch.randn(2, 3, 3))
case("embedding", lambda w: F.embedding(ids, w), ids_g, table)
case("embedding/padding", lambda w: F.embedding(ids, w, padding_idx=1), ids_g, table)

# ---------------------------------------------------------------------------------------------------- attention

q, k, v = (keep(name, torch.randn(2, 3, size, 4)) for name, size in (("query", 3), ("key", 5), ("value", 5)))
heads_g = keep("heads_cotangent", torch.randn(2, 3, 3, 4))
added = keep("added_mask", torch.randn(2, 1, 3, 5))
allowed = torch.tensor([[True, False, True, True, False], [False, False, True, False, False], [True] * 5])
none = torch.tensor(float("-inf"))


def attention(q, k, v, mask=None, scale=0.5):
    scores = q @ k.transpose(-2, -1) * scale
    return torch.softmax(scores if mask is None else scores + mask, -1) @ v


case("attention", attention, heads_g, q, k, v)
case("attention/scale", lambda q, k, v: attention(q, k, v, scale=1.7), heads_g, q, k, v)
case("attention/added", attention, heads_g, q, k, v, added)
case("attention/allowed", lambda q, k, v: attention(q, k, v, torch.where(allowed, 0.0, none)), heads_g, q, k, v)
case("attention/causal", lambda q, k, v: attention(q, k, v, torch.where(torch.ones(3, 5).tril().bool(), 0.0, none)),
     heads_g, q, k, v)

layer = torch.nn.MultiheadAttention(8, 2, batch_first=True)
torch.nn.init.normal_(layer.in_proj_bias)
torch.nn.init.normal_(layer.out_proj.bias)
names = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
parameters = dict(layer.named_parameters())
for name in names:
    keep(name, parameters[name])
tokens, memory = keep("tokens", torch.randn(2, 3, 8)), keep("memory", torch.randn(2, 5, 8))
tokens_g = keep("tokens_cotangent", torch.randn(2, 3, 8))
padding = torch.tensor([[False, True, False, False, True], [False] * 5])


def multihead(inputs, values, **masks):
    return torch.nn.utils.stateless.functional_call(layer, dict(zip(names, values)), inputs, masks)[0]


values = [parameters[name] for name in names]
case("multihead/self", lambda x, *p: multihead((x, x, x), p), tokens_g, tokens, *values)
case("multihead/causal", lambda x, *p: multihead((x, x, x), p, attn_mask=torch.ones(3, 3).triu(1).bool()),
     tokens_g, tokens, *values)
case("multihead/cross", lambda x, y, *p: multihead((x, y, y), p, key_padding_mask=padding, attn_mask=~allowed),
     tokens_g, tokens, memory, *values)

write(__file__)
