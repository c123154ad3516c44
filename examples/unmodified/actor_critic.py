"""An actor and a critic learn to balance a pole on a cart. The cart's motion: Barto, Sutton, Anderson 1983."""

import math
import random
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.distributions import Categorical


class CartPole:
    """Push a cart left or right, 50 times a second; a step counts 1 until the pole falls or the cart leaves."""

    def reset(self):
        self.state = [random.uniform(-0.05, 0.05) for _ in range(4)]
        self.steps = 0
        return self.state

    def step(self, action):
        x, v, angle, turning = self.state
        push = 10.0 if action == 1 else -10.0
        cos, sin = math.cos(angle), math.sin(angle)
        pull = (push + 0.05 * turning**2 * sin) / 1.1
        spin = (9.8 * sin - cos * pull) / (0.5 * (4 / 3 - 0.1 * cos**2 / 1.1))
        speed = pull - 0.05 * spin * cos / 1.1
        self.state = [x + 0.02 * v, v + 0.02 * speed, angle + 0.02 * turning, turning + 0.02 * spin]
        self.steps += 1
        fallen = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 12 * math.pi / 180
        return self.state, 1.0, fallen or self.steps >= 300


class Policy(nn.Module):
    def __init__(self):
        super(Policy, self).__init__()
        self.affine1 = nn.Linear(4, 128)
        self.action_head = nn.Linear(128, 2)
        self.value_head = nn.Linear(128, 1)
        self.saved_actions = []
        self.rewards = []

    def forward(self, x):
        x = F.relu(self.affine1(x))
        return F.softmax(self.action_head(x), dim=-1), self.value_head(x)


random.seed(543)
torch.manual_seed(543)
torch.set_default_dtype(torch.float64)  # what an actor does next hangs on the last digits
env = CartPole()
model = Policy()
optimizer = optim.Adam(model.parameters(), lr=1e-2)


def select_action(state):
    probs, value = model(torch.tensor(state))
    m = Categorical(probs)
    action = m.sample()
    model.saved_actions.append((m.log_prob(action), value))
    return action.item()


def finish_episode(gamma=0.99):
    R, returns = 0.0, []
    for r in model.rewards[::-1]:
        R = r + gamma * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + 1e-6)
    policy_losses, value_losses = [], []
    for (log_prob, value), R in zip(model.saved_actions, returns):
        advantage = R - value.item()
        policy_losses.append(-log_prob * advantage)
        value_losses.append(F.smooth_l1_loss(value, torch.tensor([R])))
    optimizer.zero_grad()
    loss = torch.stack(policy_losses).sum() + torch.stack(value_losses).sum()
    loss.backward()
    optimizer.step()
    del model.rewards[:]
    del model.saved_actions[:]
    return loss.item()


start = time.perf_counter()
running = 10.0
for episode in range(1, 61):
    state, total, done = env.reset(), 0.0, False
    while not done:
        state, reward, done = env.step(select_action(state))
        model.rewards.append(reward)
        total += reward
    running = 0.05 * total + 0.95 * running
    loss = finish_episode()
    if episode % 5 == 0:
        print(
            f"episode {episode:3d}  loss {loss:.4g}  steps {total:.0f}  running mean {running:.4g}"
        )
print(f"seconds: {time.perf_counter() - start:.2f}")
