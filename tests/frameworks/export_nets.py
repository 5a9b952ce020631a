"""Small networks with the structures and idioms of well-known ones, in the words of their code."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it


class Bottleneck(nn.Module):
    """A residual block of torchvision."""

    def __init__(self, inside: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        outside = planes * 2
        self.conv1 = nn.Conv2d(inside, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, outside, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x: Any) -> Any:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


class ResNet(nn.Module):
    """Stages of bottlenecks."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 7, 2, 3, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Bottleneck(8, 4), Bottleneck(8, 4), Bottleneck(8, 4))
        self.layer2 = nn.Sequential(Bottleneck(8, 6, 2), Bottleneck(12, 6))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d((1, 1)), nn.Linear(12, 5)

    def forward(self, x: Any) -> Any:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.avgpool(self.layer2(self.layer1(x)))
        return self.fc(torch.flatten(x, 1))


class ConvNorm(nn.Sequential):
    """A convolution, normalised and activated."""

    def __init__(
        self, i: int, o: int, k: int, stride: int = 1, groups: int = 1, act: Any = nn.ReLU6
    ) -> None:
        conv = nn.Conv2d(i, o, k, stride, (k - 1) // 2, groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm2d(o), *([act()] if act else []))


class SqueezeExcite(nn.Module):
    def __init__(self, wide: int, narrow: int, act: Any, gate: Any) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(wide, narrow, 1), nn.Conv2d(narrow, wide, 1)
        self.activation, self.scale_activation = act(), gate()

    def forward(self, x: Any) -> Any:
        y = self.fc2(self.activation(self.fc1(self.avgpool(x))))
        return self.scale_activation(y) * x


class Inverted(nn.Module):
    """An inverted residual; while training a sample may skip it."""

    def __init__(self, i: int, o: int, k: int, stride: int, act: Any, gate: Any, drop=0.0) -> None:
        super().__init__()
        wide = 2 * i
        layers: list[nn.Module] = [
            ConvNorm(i, wide, 1, act=act),
            ConvNorm(wide, wide, k, stride, wide, act),
        ]
        if gate:
            layers.append(SqueezeExcite(wide, 4, nn.ReLU if gate is nn.Hardsigmoid else act, gate))
        layers.append(ConvNorm(wide, o, 1, act=None))
        self.block, self.same, self.drop = nn.Sequential(*layers), stride == 1 and i == o, drop

    def forward(self, x: Any) -> Any:
        y = self.block(x)
        if not self.same:
            return y
        if self.drop and self.training:
            keep = 1 - self.drop
            mask = torch.rand([x.shape[0], 1, 1, 1], dtype=x.dtype, device=x.device)
            y = y / keep * torch.floor(keep + mask)
        return x + y


class MobileNetV2(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            ConvNorm(3, 8, 3, 2),
            Inverted(8, 8, 3, 1, nn.ReLU6, None),
            Inverted(8, 12, 3, 2, nn.ReLU6, None),
            Inverted(12, 12, 3, 1, nn.ReLU6, None),
            ConvNorm(12, 16, 1),
        )
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(16, 5))

    def forward(self, x: Any) -> Any:
        x = self.features(x)
        x = F.adaptive_avg_pool2d(x, (1, 1)).reshape(x.shape[0], -1)
        return self.classifier(x)


class MobileNetV3(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            ConvNorm(3, 8, 3, 2, act=nn.Hardswish),
            Inverted(8, 8, 3, 1, nn.ReLU, nn.Hardsigmoid),
            Inverted(8, 8, 5, 2, nn.Hardswish, nn.Hardsigmoid),
            Inverted(8, 8, 5, 1, nn.Hardswish, nn.Hardsigmoid),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(8, 10), nn.Hardswish(inplace=True), nn.Dropout(0.2, True), nn.Linear(10, 5)
        )

    def forward(self, x: Any) -> Any:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class EfficientNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(3, 8, 3, 2, act=nn.SiLU)
        self.blocks = nn.ModuleList(
            [
                Inverted(8, 8, 3, 1, nn.SiLU, nn.Sigmoid, 0.1),
                Inverted(8, 12, 5, 2, nn.SiLU, nn.Sigmoid),
                Inverted(12, 12, 5, 1, nn.SiLU, nn.Sigmoid, 0.2),
            ]
        )
        self.head, self.fc = ConvNorm(12, 16, 1, act=nn.SiLU), nn.Linear(16, 5)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        x = F.adaptive_avg_pool2d(self.head(x), 1)
        return self.fc(F.dropout(x.squeeze(-1).squeeze(-1), 0.2, self.training))


class DenseLayer(nn.Module):
    def __init__(self, inside: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inside), nn.Conv2d(inside, 8, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(8), nn.Conv2d(8, growth, 3, 1, 1, bias=False)

    def forward(self, features: Any) -> Any:
        y = self.conv1(F.relu(self.norm1(torch.cat(features, 1))))
        return self.conv2(F.relu(self.norm2(y)))


class DenseBlock(nn.ModuleDict):
    def __init__(self, layers: int, inside: int, growth: int) -> None:
        super().__init__()
        for i in range(layers):
            self.add_module(f"denselayer{i + 1}", DenseLayer(inside + i * growth, growth))

    def forward(self, x: Any) -> Any:
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        return torch.cat(features, 1)


class DenseNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(3, 8, 3, 2, 1, bias=False))
        self.features.add_module("norm0", nn.BatchNorm2d(8))
        self.features.add_module("relu0", nn.ReLU(inplace=True))
        self.features.add_module("denseblock1", DenseBlock(3, 8, 4))
        move = nn.Sequential()
        move.add_module("norm", nn.BatchNorm2d(20))
        move.add_module("relu", nn.ReLU(inplace=True))
        move.add_module("conv", nn.Conv2d(20, 10, 1, bias=False))
        move.add_module("pool", nn.AvgPool2d(2, 2))
        self.features.add_module("transition1", move)
        self.features.add_module("denseblock2", DenseBlock(2, 10, 4))
        self.features.add_module("norm5", nn.BatchNorm2d(18))
        self.classifier = nn.Linear(18, 5)

    def forward(self, x: Any) -> Any:
        y = F.relu(self.features(x), inplace=True)
        y = F.adaptive_avg_pool2d(y, (1, 1))
        return self.classifier(torch.flatten(y, 1))


class DoubleConv(nn.Module):
    def __init__(self, i: int, o: int) -> None:
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(i, o, 3, padding=1, bias=False),
            nn.BatchNorm2d(o),
            nn.ReLU(inplace=True),
            nn.Conv2d(o, o, 3, padding=1, bias=False),
            nn.BatchNorm2d(o),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Any) -> Any:
        return self.double_conv(x)


class Up(nn.Module):
    def __init__(self, i: int, o: int, bilinear: bool) -> None:
        super().__init__()
        if bilinear:
            self.up: nn.Module = nn.Sequential(
                nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
                nn.Conv2d(i, i // 2, 1),
            )
        else:
            self.up = nn.ConvTranspose2d(i, i // 2, 2, stride=2)
        self.conv = DoubleConv(i, o)

    def forward(self, x1: Any, x2: Any) -> Any:
        x1 = self.up(x1)
        down, right = x2.size()[2] - x1.size()[2], x2.size()[3] - x1.size()[3]
        x1 = F.pad(x1, [right // 2, right - right // 2, down // 2, down - down // 2])
        return self.conv(torch.cat([x2, x1], dim=1))


class UNet(nn.Module):
    """The most copied U-Net, with either way up."""

    def __init__(self, bilinear: bool = False) -> None:
        super().__init__()
        self.inc = DoubleConv(3, 4)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(4, 8))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(8, 16))
        self.up1, self.up2 = Up(16, 8, bilinear), Up(8, 4, bilinear)
        self.outc = nn.Conv2d(4, 2, 1)

    def forward(self, x: Any) -> Any:
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x = self.up1(self.down2(x2), x2)
        return self.outc(self.up2(x, x1))


class Seg(nn.Module):
    """A head on a backbone, brought back to the size of the picture; nearest inside."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = ConvNorm(3, 8, 3, 2), ConvNorm(8, 8, 3, 2)
        self.side, self.head = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 3, 1)

    def forward(self, x: Any) -> Any:
        a = self.first(x)
        b = self.second(a)
        y = self.side(a) + F.interpolate(b, size=a.shape[-2:], mode="nearest")
        return F.interpolate(self.head(y), size=x.shape[-2:], mode="bilinear", align_corners=False)


class BertSelfAttention(nn.Module):
    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.num_attention_heads, self.attention_head_size = heads, size // heads
        self.all_head_size = size
        self.query, self.key, self.value = (nn.Linear(size, size) for _ in range(3))
        self.dropout = nn.Dropout(0.1)

    def transpose_for_scores(self, x: Any) -> Any:
        shape = (*x.size()[:-1], self.num_attention_heads, self.attention_head_size)
        return x.view(shape).permute(0, 2, 1, 3)

    def forward(self, hidden: Any, mask: Any) -> Any:
        mixed = self.query(hidden)
        key = self.transpose_for_scores(self.key(hidden))
        value = self.transpose_for_scores(self.value(hidden))
        query = self.transpose_for_scores(mixed)
        scores = torch.matmul(query, key.transpose(-1, -2))
        scores = scores / math.sqrt(self.attention_head_size) + mask
        probs = self.dropout(nn.functional.softmax(scores, dim=-1))
        context = torch.matmul(probs, value).permute(0, 2, 1, 3).contiguous()
        return context.view((*context.size()[:-2], self.all_head_size))


class BertLayer(nn.Module):
    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.ModuleDict(
            {
                "self": BertSelfAttention(size, heads),
                "dense": nn.Linear(size, size),
                "LayerNorm": nn.LayerNorm(size, eps=1e-12),
            }
        )
        self.intermediate, self.output = nn.Linear(size, 2 * size), nn.Linear(2 * size, size)
        self.LayerNorm, self.dropout = nn.LayerNorm(size, eps=1e-12), nn.Dropout(0.1)

    def forward(self, hidden: Any, mask: Any) -> Any:
        y = self.attention["self"](hidden, mask)
        y = self.dropout(self.attention["dense"](y))
        hidden = self.attention["LayerNorm"](y + hidden)
        y = self.dropout(self.output(F.gelu(self.intermediate(hidden))))
        return self.LayerNorm(y + hidden)


class Bert(nn.Module):
    """BERT as transformers wrote it for years: extended mask, buffers of places, a pooler."""

    def __init__(self, size: int = 8, heads: int = 2) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(23, size, padding_idx=0)
        self.position_embeddings = nn.Embedding(16, size)
        self.token_type_embeddings = nn.Embedding(2, size)
        self.LayerNorm, self.dropout = nn.LayerNorm(size, eps=1e-12), nn.Dropout(0.1)
        self.register_buffer("position_ids", torch.arange(16).expand((1, -1)))
        self.layer = nn.ModuleList([BertLayer(size, heads) for _ in range(2)])
        self.pooler = nn.Linear(size, size)

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
        mask = attention_mask[:, None, None, :].to(dtype=torch.float32)
        mask = (1.0 - mask) * -10000.0
        places = self.position_ids[:, : input_ids.size()[1]]
        x = self.word_embeddings(input_ids) + self.token_type_embeddings(token_type_ids)
        x = self.dropout(self.LayerNorm(x + self.position_embeddings(places)))
        for layer in self.layer:
            x = layer(x, mask)
        return x, torch.tanh(self.pooler(x[:, 0]))


class Conv1D(nn.Module):
    """The dense layer of GPT-2, whose kernel lies the other way round."""

    def __init__(self, outside: int, inside: int) -> None:
        super().__init__()
        self.nf = outside
        self.weight = nn.Parameter(torch.randn(inside, outside) * 0.2)
        self.bias = nn.Parameter(torch.randn(outside) * 0.1)

    def forward(self, x: Any) -> Any:
        shape = (*x.size()[:-1], self.nf)
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(shape)


class NewGELU(nn.Module):
    def forward(self, x: Any) -> Any:
        inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))
        return 0.5 * x * (1.0 + torch.tanh(inner))


class GptBlock(nn.Module):
    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads, self.size = heads, size
        self.ln_1, self.ln_2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.c_attn, self.c_proj = Conv1D(3 * size, size), Conv1D(size, size)
        self.c_fc, self.c_out, self.act = Conv1D(2 * size, size), Conv1D(size, 2 * size), NewGELU()
        mask = torch.tril(torch.ones((16, 16), dtype=torch.bool)).view(1, 1, 16, 16)
        self.register_buffer("bias", mask, persistent=False)

    def _split(self, x: Any) -> Any:
        x = x.view((*x.size()[:-1], self.heads, self.size // self.heads))
        return x.permute(0, 2, 1, 3)

    def forward(self, hidden: Any) -> Any:
        q, k, v = self.c_attn(self.ln_1(hidden)).split(self.size, dim=2)
        q, k, v = self._split(q), self._split(k), self._split(v)
        scores = torch.matmul(q, k.transpose(-1, -2))
        root = torch.full([], v.size(-1) ** 0.5, dtype=scores.dtype, device=scores.device)
        scores = scores / root
        long, longer = q.size(-2), k.size(-2)
        causal = self.bias[:, :, longer - long : longer, :longer]
        least = torch.full([], torch.finfo(scores.dtype).min, dtype=scores.dtype)
        scores = torch.where(causal, scores, least)
        y = torch.matmul(nn.functional.softmax(scores, dim=-1), v)
        y = y.permute(0, 2, 1, 3).contiguous()
        y = y.view((*y.size()[:-2], self.size))
        hidden = self.c_proj(y) + hidden
        return hidden + self.c_out(self.act(self.c_fc(self.ln_2(hidden))))


class Gpt(nn.Module):
    """GPT-2 as transformers wrote it: Conv1D, causal mask as a buffer, shared head."""

    def __init__(self, size: int = 8, heads: int = 2) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(23, size), nn.Embedding(16, size)
        self.h = nn.ModuleList([GptBlock(size, heads) for _ in range(2)])
        self.ln_f, self.lm_head = nn.LayerNorm(size), nn.Linear(size, 23, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, input_ids: Any) -> Any:
        shape = input_ids.size()
        input_ids = input_ids.view(-1, shape[-1])
        places = torch.arange(0, shape[-1], dtype=torch.long, device=input_ids.device)
        x = self.wte(input_ids) + self.wpe(places.unsqueeze(0))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x).view(*shape, x.size(-1)))


class MinGpt(nn.Module):
    """nanoGPT's way: scaled_dot_product_attention, Linear, exact GELU, last place only."""

    def __init__(self, size: int = 8) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(23, size), nn.Embedding(16, size)
        self.ln, self.qkv, self.out = (
            nn.LayerNorm(size),
            nn.Linear(size, 3 * size),
            nn.Linear(size, size),
        )
        self.ln2, self.up, self.down = nn.LayerNorm(size), nn.Linear(size, 16), nn.Linear(16, size)
        self.head = nn.Linear(size, 23, bias=False)

    def forward(self, ids: Any) -> Any:
        b, t = ids.size()
        x = self.wte(ids) + self.wpe(torch.arange(t, device=ids.device))
        q, k, v = self.qkv(self.ln(x)).split(8, dim=2)
        q, k, v = (i.view(b, t, 2, 4).transpose(1, 2) for i in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).contiguous().view(b, t, 8))
        x = x + self.down(F.gelu(self.up(self.ln2(x))))
        return self.head(x[:, [-1], :])


class ViTBlock(nn.Module):
    """A block of timm: one dense layer for queries, keys and values; layer scale."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (size // heads) ** -0.5
        self.norm1, self.norm2 = nn.LayerNorm(size, 1e-6), nn.LayerNorm(size, 1e-6)
        self.qkv, self.proj = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.fc1, self.act, self.fc2 = nn.Linear(size, 16), nn.GELU(), nn.Linear(16, size)
        self.gamma = nn.Parameter(torch.rand(size))

    def forward(self, x: Any) -> Any:
        y = self.norm1(x)
        b, n, c = y.shape
        qkv = self.qkv(y).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        attn = ((q * self.scale) @ k.transpose(-2, -1)).softmax(dim=-1)
        y = (attn @ v).transpose(1, 2).reshape(b, n, c)
        x = x + self.gamma * self.proj(y)
        return x + self.fc2(self.act(self.fc1(self.norm2(x))))


class ViT(nn.Module):
    def __init__(self, size: int = 8) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, size, 4, 4)
        self.cls_token = nn.Parameter(torch.randn(1, 1, size))
        self.pos_embed = nn.Parameter(torch.randn(1, 17, size))
        self.blocks = nn.Sequential(*[ViTBlock(size, 2) for _ in range(2)])
        self.norm, self.head = nn.LayerNorm(size, 1e-6), nn.Linear(size, 5)

    def forward(self, x: Any) -> Any:
        x = self.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])


class LayerNorm2d(nn.LayerNorm):
    def forward(self, x: Any) -> Any:
        x = x.permute(0, 2, 3, 1)
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class ChannelNorm(nn.Module):
    """ConvNeXt's first LayerNorm of channels, by hand."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.rand(size)), nn.Parameter(torch.rand(size))

    def forward(self, x: Any) -> Any:
        u = x.mean(1, keepdim=True)
        s = (x - u).pow(2).mean(1, keepdim=True)
        x = (x - u) / torch.sqrt(s + 1e-6)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class ConvNeXtBlock(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(size, size, 7, padding=3, groups=size)
        self.norm = nn.LayerNorm(size, eps=1e-6)
        self.pwconv1, self.act = nn.Linear(size, 4 * size), nn.GELU()
        self.pwconv2 = nn.Linear(4 * size, size)
        self.gamma = nn.Parameter(torch.rand(size))

    def forward(self, x: Any) -> Any:
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.gamma * self.pwconv2(self.act(self.pwconv1(y)))
        return x + y.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 4, 4), LayerNorm2d(6))
        self.stage = nn.Sequential(ConvNeXtBlock(6), ConvNeXtBlock(6))
        self.down = nn.Sequential(ChannelNorm(6), nn.Conv2d(6, 8, 2, 2))
        self.last, self.norm, self.head = ConvNeXtBlock(8), nn.LayerNorm(8), nn.Linear(8, 5)

    def forward(self, x: Any) -> Any:
        x = self.last(self.down(self.stage(self.stem(x))))
        return self.head(self.norm(x.mean([-2, -1])))


class Classifier(nn.Module):
    """Words through recurrent layers; the last states of both directions."""

    def __init__(self, kind: str = "LSTM", both: bool = True) -> None:
        super().__init__()
        self.embedding = nn.Embedding(23, 6, padding_idx=0)
        self.rnn = getattr(nn, kind)(6, 5, num_layers=2, bidirectional=both, batch_first=True)
        self.both, self.fc = both, nn.Linear(10 if both else 5, 3)

    def forward(self, ids: Any) -> Any:
        _, hidden = self.rnn(self.embedding(ids))
        hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        last = torch.cat((hidden[-2], hidden[-1]), dim=1) if self.both else hidden[-1]
        return F.log_softmax(self.fc(last), dim=1)


class Tagger(nn.Module):
    """A recurrent layer over time first, with states given by hand, and a choice per step."""

    def __init__(self, kind: str = "GRU") -> None:
        super().__init__()
        self.embedding, self.rnn = nn.Embedding(23, 6), getattr(nn, kind)(6, 5)
        self.fc = nn.Linear(5, 4)

    def forward(self, ids: Any) -> Any:
        x = self.embedding(ids).permute(1, 0, 2)
        state = torch.zeros(1, ids.size(0), 5)
        y, _ = self.rnn(x, (state, state) if isinstance(self.rnn, nn.LSTM) else state)
        return self.fc(y.permute(1, 0, 2)).softmax(-1)


class Generator(nn.Module):
    """DCGAN."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(6, 16, 4, 1, 0, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(True),
            nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(True),
            nn.ConvTranspose2d(8, 3, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z: Any) -> Any:
        return self.main(z.view(z.size(0), z.size(1), 1, 1))


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(3, 8, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(8, 16, 4, 2, 1, bias=False),
            nn.InstanceNorm2d(16, affine=True),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(16, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Any) -> Any:
        return self.main(x).view(-1, 1).squeeze(1)


class Siamese(nn.Module):
    """One network for both pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.PReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 6)
        )

    def forward(self, a: Any, b: Any) -> Any:
        a, b = F.normalize(self.net(a)), F.normalize(self.net(b))
        return F.pairwise_distance(a, b), F.cosine_similarity(a, b)


class Seq2Seq(nn.Module):
    """An encoder, and a decoder that looks back at it with additive attention, word by word."""

    def __init__(self) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(23, 6), nn.Embedding(23, 6)
        self.encoder = nn.GRU(6, 5, batch_first=True, bidirectional=True)
        self.bridge, self.cell = nn.Linear(10, 5), nn.GRUCell(16, 5)
        self.query, self.key, self.energy = nn.Linear(5, 5), nn.Linear(10, 5), nn.Linear(5, 1)
        self.out = nn.Linear(15, 23)

    def forward(self, source: Any, target: Any) -> Any:
        memory, last = self.encoder(self.source(source))
        hidden = torch.tanh(self.bridge(torch.cat((last[0], last[1]), -1)))
        keys, words, steps = self.key(memory), self.target(target), []
        for i in range(3):
            energy = self.energy(torch.tanh(self.query(hidden).unsqueeze(1) + keys)).squeeze(-1)
            energy = energy.masked_fill(source == 0, -1e9)
            weights = torch.softmax(energy, -1).unsqueeze(1)
            context = torch.bmm(weights, memory).squeeze(1)
            hidden = self.cell(torch.cat((words[:, i], context), -1), hidden)
            steps.append(self.out(torch.cat((hidden, context), -1)))
        return torch.stack(steps, 1)


class Inception(nn.Module):
    """Branches side by side, and local response normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.lrn = nn.Conv2d(3, 8, 3, 2), nn.LocalResponseNorm(3)
        self.a, self.b = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 4, (1, 7), padding=(0, 3))
        self.c, self.d = nn.Conv2d(8, 4, (7, 1), padding=(3, 0)), nn.Conv2d(8, 4, 1)
        self.fc = nn.Linear(16, 5)

    def forward(self, x: Any) -> Any:
        x = self.lrn(F.relu(self.stem(x)))
        pooled = F.avg_pool2d(x, 3, 1, 1)
        x = torch.cat([F.relu(y) for y in (self.a(x), self.b(x), self.c(x), self.d(pooled))], 1)
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        return self.fc(x.mean((2, 3)))


class Shuffle(nn.Module):
    """ShuffleNet's unit: halves, and channels shuffled."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(3, 8, 3, 2, act=nn.ReLU)
        self.unit = nn.Sequential(
            ConvNorm(4, 4, 1, act=nn.ReLU),
            ConvNorm(4, 4, 3, groups=4, act=None),
            ConvNorm(4, 4, 1, act=nn.ReLU),
        )
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        a, b = x.chunk(2, dim=1)
        y = torch.cat((a, self.unit(b)), dim=1)
        n, c, h, w = y.size()
        y = y.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        return self.fc(y.mean([2, 3]))


class SuperRes(nn.Module):
    """ESPCN: places from channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 5, padding=2), nn.Conv2d(8, 4, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x: Any) -> Any:
        return self.shuffle(self.conv2(torch.tanh(self.conv1(x))))


class Wave(nn.Module):
    """TCN: dilated causal convolutions with weight norm, and a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.utils.parametrizations.weight_norm(nn.Conv1d(3, 8, 3, dilation=2))
        self.b, self.skip = nn.Conv1d(8, 8, 3, dilation=4), nn.Conv1d(3, 4, 1)
        self.norm, self.out = nn.GroupNorm(2, 8), nn.Conv1d(4, 2, 1)

    def forward(self, x: Any) -> Any:
        y = F.elu(self.norm(self.a(F.pad(x, (4, 0)))))
        y = F.glu(self.b(F.pad(y, (8, 0))), dim=1) + self.skip(x)
        return self.out(F.leaky_relu(y)).transpose(1, 2)


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(6, 8), nn.BatchNorm1d(8), nn.SELU(), nn.Dropout(), nn.Linear(8, 3)
        )

    def forward(self, x: Any) -> Any:
        return F.softmax(self.layers(x), dim=1)


def images(*shape: int) -> tuple[Any, ...]:
    return (torch.randn(*shape),)


def ids(*shape: int) -> Any:
    return torch.randint(1, 23, shape)


B, BS, BHW = {0: "batch"}, {0: "batch", 1: "sequence"}, {0: "batch", 2: "height", 3: "width"}


def mask(batch: int, long: int) -> Any:
    made = torch.ones(batch, long, dtype=torch.long)
    made[-1, long // 2 :] = 0
    return made


# name: (maker, inputs by size, dynamic axes)
NETS: dict[str, tuple[Any, Any, Any]] = {
    "resnet": (ResNet, lambda b, s: images(b, 3, 32, 32), [B]),
    "mobilenet_v2": (MobileNetV2, lambda b, s: images(b, 3, 32, 32), [B]),
    "mobilenet_v3": (MobileNetV3, lambda b, s: images(b, 3, 32, 32), [B]),
    "efficientnet": (EfficientNet, lambda b, s: images(b, 3, 32, 32), [B]),
    "densenet": (DenseNet, lambda b, s: images(b, 3, 16, 16), [B]),
    "unet": (UNet, lambda b, s: images(b, 3, 16, 20), [B]),
    "unet_bilinear": (lambda: UNet(True), lambda b, s: images(b, 3, 16, 20), [B]),
    "unet_any": (UNet, lambda b, s: images(b, 3, 4 * s, 20), [BHW]),
    "seg": (Seg, lambda b, s: images(b, 3, 17, 20), [B]),
    "seg_any": (Seg, lambda b, s: images(b, 3, 12 + s, 20), [BHW]),
    "bert": (Bert, lambda b, s: (ids(b, s), mask(b, s), ids(b, s) % 2), [BS, BS, BS]),
    "gpt2": (Gpt, lambda b, s: (ids(b, s),), [BS]),
    "nanogpt": (MinGpt, lambda b, s: (ids(b, s),), [BS]),
    "vit": (ViT, lambda b, s: images(b, 3, 16, 16), [B]),
    "convnext": (ConvNeXt, lambda b, s: images(b, 3, 32, 32), [B]),
    "lstm": (Classifier, lambda b, s: (ids(b, s),), [BS]),
    "gru": (lambda: Classifier("GRU", False), lambda b, s: (ids(b, s),), [BS]),
    "tagger_gru": (Tagger, lambda b, s: (ids(b, s),), [BS]),
    "tagger_lstm": (lambda: Tagger("LSTM"), lambda b, s: (ids(b, s),), [BS]),
    "dcgan": (Generator, lambda b, s: images(b, 6), [B]),
    "discriminator": (Discriminator, lambda b, s: images(b, 3, 16, 16), [B]),
    "siamese": (Siamese, lambda b, s: images(b, 1, 8, 8) + images(b, 1, 8, 8), [B, B]),
    "seq2seq": (Seq2Seq, lambda b, s: (ids(b, s), ids(b, 3)), [BS, B]),
    "inception": (Inception, lambda b, s: images(b, 3, 19, 19), [B]),
    "shuffle": (Shuffle, lambda b, s: images(b, 3, 16, 16), [B]),
    "superres": (SuperRes, lambda b, s: images(b, 1, 7, 9), [BHW]),
    "wave": (Wave, lambda b, s: images(b, 3, 6 + s), [{0: "batch", 2: "time"}]),
    "mlp": (Mlp, lambda b, s: images(b, 6), [B]),
}

FAMILIES = ("resnet", "mobilenet_v3", "densenet", "unet", "bert", "gpt2")
"""Those that every exporter is tried with."""


def fresh(make: Any) -> nn.Module:
    """A network with statistics and offsets that are not those of a fresh one."""
    torch.manual_seed(3)
    network: nn.Module = make().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
    return network
