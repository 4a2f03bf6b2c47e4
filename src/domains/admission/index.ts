export type { CallOptions, CallOutcome, Gate, PresentedCredential, RateStanding, StreamOutcome } from './model.ts';
