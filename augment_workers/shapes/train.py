"""Trains a small Stable Diffusion to draw shapes: ``python -m`` this module."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from augment_workers.shapes import WEIGHTS
from augment_workers.shapes.scene import SIZE_PIXELS, Scene
from augment_workers.training import Course, begin, training_parser

LATENT_CHANNELS = 8
"""Twice as many as usual: with four, details of a picture this small are lost."""

TEXT_WIDTH = 64
TEXT_TOKENS = 32
VOCABULARY = 512
NO_TEXT_SHARE = 0.1
"""Share of pictures that are learnt without words, for classifier-free guidance."""

DECODER_NOISE = 0.1
"""Share of the latents' spread by which those that the decoder learns from are off."""

PICTURES = 16000
BATCH = 48
SAVE_EVERY_STEPS = 200


def main(argv: Sequence[str] | None = None) -> None:
    """Trains autoencoder, denoiser and text encoder, then the decoder again, into ``--out``."""
    parser = training_parser(__doc__, WEIGHTS)
    parser.add_argument("--autoencoder-steps", type=int, default=1600)
    parser.add_argument("--steps", type=int, default=4900)
    parser.add_argument("--decoder-steps", type=int, default=600)
    options = parser.parse_args(argv)
    rng = begin(options)
    pipeline = untrained(rng)
    train_autoencoder(pipeline, rng, options.autoencoder_steps)
    for _ in train_denoiser(pipeline, rng, options.steps):
        save(pipeline, options.out)
    train_decoder(pipeline, rng, options.decoder_steps)
    save(pipeline, options.out)


def untrained(rng: Random) -> Any:
    """A pipeline of 3 million random parameters, and a tokenizer that knows the captions."""
    tokenizer = CLIPTokenizer(
        vocab={"<|startoftext|>": 0, "<|endoftext|>": 1}, merges=[]
    ).train_new_from_iterator(
        (Scene.sample(rng).caption(rng) for _ in range(20000)), vocab_size=VOCABULARY
    )
    tokenizer.model_max_length = TEXT_TOKENS
    unet = UNet2DConditionModel(
        sample_size=SIZE_PIXELS // 4,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        layers_per_block=1,
        block_out_channels=(64, 96),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=8,
        norm_num_groups=8,
    )
    autoencoder = AutoencoderKL(
        sample_size=SIZE_PIXELS,
        latent_channels=LATENT_CHANNELS,
        block_out_channels=(16, 32, 48),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        norm_num_groups=8,
    )
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=2 * TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=TEXT_TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    return StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
            # Learns several times faster here than the prediction of the noise.
            prediction_type="v_prediction",
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def train_autoencoder(pipeline: Any, rng: Random, steps: int) -> None:
    """Learns to put pictures into latents and back, and measures their spread."""
    vae = pipeline.vae.train()
    optimizer = torch.optim.AdamW(vae.parameters(), betas=(0.9, 0.95))
    pictures = torch.stack([_pixels(_scene_and_picture(rng)[1]) for _ in range(4000)])
    course = Course([optimizer], peak_lr=3e-3, steps=steps, warmup_steps=30, name="autoencoder")
    for _ in course:
        batch = pictures[torch.randint(len(pictures), (24,))]
        latents = vae.encode(batch).latent_dist
        made = vae.decode(latents.sample()).sample
        loss = 0.3 * F.l1_loss(made, batch) + F.mse_loss(made, batch)
        loss = loss + 1e-6 * latents.kl().mean() / latents.mean[0, 0].numel()
        _learn(optimizer, loss, list(vae.parameters()))
        course.saw(loss.item())
    vae.eval()
    with torch.no_grad():
        spread = vae.encode(pictures[:512]).latent_dist.mean.std().item()
    vae.register_to_config(scaling_factor=1 / spread)


def train_decoder(pipeline: Any, rng: Random, steps: int) -> None:
    """Learns to make clean pictures of latents that are a little off, as drawn ones are."""
    vae = pipeline.vae
    learning = [*vae.decoder.parameters(), *vae.post_quant_conv.parameters()]
    optimizer = torch.optim.AdamW(learning, betas=(0.9, 0.95))
    pictures = torch.stack([_pixels(_scene_and_picture(rng)[1]) for _ in range(6000)])
    with torch.no_grad():
        latents = torch.cat([vae.encode(some).latent_dist.mean for some in pictures.split(50)])
    course = Course([optimizer], peak_lr=2e-3, steps=steps, warmup_steps=30, name="decoder")
    for _ in course:
        chosen = torch.randint(len(pictures), (32,))
        off = latents[chosen] + DECODER_NOISE * latents.std() * torch.randn_like(
            latents[chosen]
        )
        made, wanted = vae.decode(off).sample, pictures[chosen]
        loss = 0.3 * F.l1_loss(made, wanted) + F.mse_loss(made, wanted)
        _learn(optimizer, loss, learning)
        course.saw(loss.item())


def train_denoiser(pipeline: Any, rng: Random, steps: int) -> Iterator[int]:
    """Learns to draw; gives the step whenever the pipeline is worth saving."""
    unet, text_encoder = pipeline.unet.train(), pipeline.text_encoder.train()
    latents, token_ids = _training_set(pipeline, rng)
    no_text = _token_ids(pipeline, [""])[0]
    parameters = [*unet.parameters(), *text_encoder.parameters()]
    average = [p.detach().clone() for p in parameters]
    optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=1e-4)
    course = Course([optimizer], peak_lr=2e-3, steps=steps, warmup_steps=100, name="denoiser")
    for step in course:
        chosen = torch.randint(len(latents), (BATCH,))
        ids = token_ids[chosen].clone()
        ids[torch.rand(len(ids)) < NO_TEXT_SHARE] = no_text
        loss = _velocity_loss(pipeline, latents[chosen], ids)
        _learn(optimizer, loss, parameters)
        course.saw(loss.item())
        keep = min(0.998, (step + 1) / (step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(average, [p.detach() for p in parameters], 1 - keep)
        if step % SAVE_EVERY_STEPS == 0 or step == steps:
            current = [p.detach().clone() for p in parameters]
            _assign(parameters, average)
            yield step
            _assign(parameters, current)
    _assign(parameters, average)


def save(pipeline: Any, folder: Path) -> None:
    """Writes the pipeline in half precision, and leaves it as it was."""
    for part in (pipeline.vae, pipeline.unet, pipeline.text_encoder):
        part.half()
    pipeline.save_pretrained(folder)
    for part in (pipeline.vae, pipeline.unet, pipeline.text_encoder):
        part.float()


def _velocity_loss(pipeline: Any, latents: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    scheduler = pipeline.scheduler
    noise = torch.randn_like(latents)
    times = torch.randint(scheduler.config.num_train_timesteps, (len(latents),))
    signal = scheduler.alphas_cumprod[times].sqrt().view(-1, 1, 1, 1)
    spread = (1 - scheduler.alphas_cumprod[times]).sqrt().view(-1, 1, 1, 1)
    text = pipeline.text_encoder(ids).last_hidden_state
    predicted = pipeline.unet(signal * latents + spread * noise, times, text).sample
    return F.mse_loss(predicted, signal * noise - spread * latents)


def _training_set(pipeline: Any, rng: Random) -> tuple[torch.Tensor, torch.Tensor]:
    latents, captions = [], []
    scale = pipeline.vae.config.scaling_factor
    for _ in range(PICTURES // 50):
        drawn = [_scene_and_picture(rng) for _ in range(50)]
        captions += [scene.caption(rng) for scene, _ in drawn]
        pixels = torch.stack([_pixels(picture) for _, picture in drawn])
        with torch.no_grad():
            latents.append(pipeline.vae.encode(pixels).latent_dist.mean * scale)
    return torch.cat(latents), _token_ids(pipeline, captions)


def _token_ids(pipeline: Any, texts: list[str]) -> torch.Tensor:
    ids: torch.Tensor = pipeline.tokenizer(
        texts,
        padding="max_length",
        max_length=TEXT_TOKENS,
        truncation=True,
        return_tensors="pt",
    ).input_ids
    return ids


def _scene_and_picture(rng: Random) -> tuple[Scene, Any]:
    scene = Scene.sample(rng)
    return scene, scene.draw_anywhere(rng)


def _pixels(picture: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 127.5 - 1


def _learn(
    optimizer: torch.optim.Optimizer, loss: torch.Tensor, parameters: list[torch.Tensor]
) -> None:
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    optimizer.zero_grad()


def _assign(parameters: list[torch.Tensor], values: list[torch.Tensor]) -> None:
    with torch.no_grad():
        for parameter, value in zip(parameters, values, strict=True):
            parameter.copy_(value)


if __name__ == "__main__":
    main()
