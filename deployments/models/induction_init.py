"""Initial weights of a small Llama that can copy before it has learned anything.

Copying is done by induction heads (Olsson et al., arXiv 2209.11895): one head notes at every
token which token came before, a later one looks for the place whose note is the present
token and says what stands there. Found by training alone they take some million tokens; here
they are written down and training refines them.
"""

import math

import torch
from transformers import LlamaForCausalLM

SLOW_RADIANS = 0.05
"""Rotary planes that turn less than this a token compare contents at any distance."""

PREVIOUS_SHARPNESS = 16.0
MATCH_SHARPNESS = 16.0
"""Scores of a right place, in nats, when queries and keys are as initialised."""

NOTE_SCALE = 2.0
COPY_SCALE = 4.0
REST_SCALE = 0.2
"""Of the outputs of everything that is left to learn."""


@torch.no_grad()
def initialize(model: LlamaForCausalLM) -> None:
    """Overwrites the weights of ``model``, which must have full attention heads and two layers.

    The residual stream is cut in three: the token's own embedding, a note of as many
    dimensions as there are slow rotary dimensions, and one constant that lets heads attend
    by position alone.
    """
    config = model.config
    width, head = config.hidden_size, config.head_dim
    theta = config.rope_parameters["rope_theta"]
    turns = theta ** (-torch.arange(head // 2) * 2 / head)
    slow = torch.nonzero(turns < SLOW_RADIANS).flatten()
    slow = torch.cat((slow, slow + head // 2))
    token = torch.arange(width - len(slow) - 1)
    note = torch.arange(len(token), width - 1)
    constant = width - 1
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=0.5 / math.sqrt(parameter.shape[1]))
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            parameter.mul_(REST_SCALE)
    embeddings = model.get_input_embeddings().weight
    embeddings.zero_()
    embeddings[:, token] = torch.randn(len(embeddings), len(token)) / math.sqrt(len(token))
    embeddings[:, constant] = 1.0

    # The first layer's first head: attend to the token before, and note it.
    reader = torch.randn(len(slow), len(token)) / math.sqrt(len(token))
    first = model.model.layers[0].self_attn
    fast = torch.nonzero(turns >= SLOW_RADIANS).flatten()
    gap = (1 - torch.cos(turns[fast])).sum()
    seen = width / 2  # Squared norm of the constant after normalisation.
    scale = torch.sqrt(PREVIOUS_SHARPNESS * math.sqrt(head) / (gap * seen))
    _clear(first, 0, head)
    first.q_proj.weight[fast, constant] = scale
    # Turned back by one position, so that the token before is in phase.
    first.k_proj.weight[fast, constant] = scale * torch.cos(turns[fast])
    first.k_proj.weight[fast + head // 2, constant] = scale * torch.sin(turns[fast])
    first.v_proj.weight[: len(slow), token] = reader / math.sqrt(width / 2)
    first.o_proj.weight[note, torch.arange(len(slow))] = NOTE_SCALE

    # The second layer's heads: find the note that equals the present token, say its place's.
    second = model.model.layers[1].self_attn
    noted = len(slow) / len(token)  # Squared norm of a note of scale one.
    norm = width / (2 + NOTE_SCALE**2 * noted)
    scale = torch.tensor(MATCH_SHARPNESS * math.sqrt(head) / (norm * NOTE_SCALE * noted)).sqrt()
    for start in range(0, len(token), head):
        base = start // head * head
        _clear(second, base // head, head)
        part = token[start : start + head]
        second.q_proj.weight[(base + slow)[:, None], token] = reader * scale
        second.k_proj.weight[base + slow, note] = scale
        second.v_proj.weight[base + torch.arange(len(part)), part] = 1 / math.sqrt(norm)
        second.o_proj.weight[part, base + torch.arange(len(part))] = COPY_SCALE


def _clear(attention: torch.nn.Module, index: int, head: int) -> None:
    """Sets all weights of one head to zero."""
    rows = slice(index * head, (index + 1) * head)
    for name in ("q_proj", "k_proj", "v_proj"):
        getattr(attention, name).weight[rows] = 0
    attention.o_proj.weight[:, rows] = 0  # type: ignore[union-attr, operator]
