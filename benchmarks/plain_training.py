"""The baseline: the same recipe, written the plain way with torch's own pieces.

DataLoader, `torch.distributions`, AdamW, LambdaLR, `clip_grad_norm_` and AveragedModel, as their
documentation puts them together. It selects no weights on held-out rows, which ours does.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn
from torch.utils.data import DataLoader, TensorDataset

from model_store.vae.model import VAE
from training.fit import LEARNING_RATE_WARMUP, FitOptions
from training.schedules import kl_weight, learning_rate


def train(vae: VAE, x: Tensor, options: FitOptions, *, batch_size: int) -> nn.Module:
    """The averaged model after the last epoch."""
    loader = DataLoader(TensorDataset(x), batch_size=batch_size, shuffle=True)
    steps = options.epochs * len(loader)
    optimizer = torch.optim.AdamW(
        vae.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay
    )
    warmup = round(LEARNING_RATE_WARMUP * steps)
    scheduler = LambdaLR(optimizer, lambda at: learning_rate(at, steps, peak=1.0, warmup=warmup))
    average = AveragedModel(vae, avg_fn=get_ema_avg_fn(options.ema_decay))
    step = 0
    for _ in range(options.epochs):
        total = 0.0
        for (batch,) in loader:
            weight = kl_weight(step, warmup=round(options.kl_warmup_fraction * steps))
            optimizer.zero_grad()
            loss = negative_elbo(vae, batch, weight)
            loss.backward()
            nn.utils.clip_grad_norm_(vae.parameters(), options.max_grad_norm)
            optimizer.step()
            scheduler.step()
            average.update_parameters(vae)
            total += loss.item()
            step += 1
    return average.module


def negative_elbo(vae: VAE, x: Tensor, weight: float) -> Tensor:
    """With one sample, mean over the rows."""
    loc, log_variance = vae.encoder(vae.head.embed(x)).chunk(2, dim=-1)
    posterior = Normal(loc, (0.5 * log_variance).exp())
    prior = Normal(torch.zeros_like(loc), torch.ones_like(loc))
    likelihood = Bernoulli(logits=vae.decoder(posterior.rsample()))
    divergence = kl_divergence(posterior, prior).sum(-1)
    loss: Tensor = (weight * divergence - likelihood.log_prob(x).sum(-1)).mean()
    return loss
