"""A team's request and an operators' file that go together: what tests change and break."""

REQUEST = """team: vision
owner: mina@example.com
guaranteed: {cpu: 8, memory: 32Gi, gpu: 2}
at_most: {cpu: 16, memory: 64Gi, gpu: 6}
default: {cpu: 500m, memory: 1Gi}
max: {cpu: 8, memory: 32Gi, gpu: 2}
budget_per_month: 2000
talks_to: [features]
"""
PLATFORM = """machines: {cpu: 96, memory: 384Gi, gpu: 10}
prices_per_hour: {cpu: 0.031611, memory: 0.004237, gpu: 0.95}
teams:
  features: {owner: jo@example.com, guaranteed: {cpu: 32, memory: 128Gi}}
  speech: {owner: lee@example.com, guaranteed: {cpu: 32, memory: 128Gi, gpu: 4}}
kueue: {cohort: teams, flavor: default}
lets_in: [monitoring]
"""
