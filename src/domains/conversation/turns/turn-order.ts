import type { Window } from '../history.ts';
import type { ModelMessage } from '../model.ts';
import type { ModelRequest } from '../ports.ts';
import type { ConversationRef } from '../store.ts';

/** What is asked, whatever the door it came through. */
export interface TurnOrder {
  /** The operation, for its idempotency key. */
  readonly operation: string;
  /** As the operation was given it, for the same. */
  readonly input: unknown;
  /** Where the exchange is kept; undefined = nowhere. */
  readonly keep?: TurnKeeping;
  /** What the user says now; empty when a client only hands in what its own functions gave. */
  readonly userText: string;
  /** The whole conversation as the client tells it, in the place of what is stored. */
  readonly told?: readonly ModelMessage[];
  /** Goes before everything, where the client does not tell the conversation itself. */
  readonly system?: string;
  /** How much of what is stored goes before the model. */
  readonly window: Window;
  /** Name of a model; undefined = the default one. */
  readonly model?: string;
  readonly settings: Omit<ModelRequest, 'messages' | 'passages'>;
  /** May the model use the user's operations? */
  readonly usesTools: boolean;
  /** The model gets memories. */
  readonly recalls: boolean;
  /** The turn ends when its caller goes. */
  readonly stopsWithCaller: boolean;
}

export interface TurnKeeping {
  readonly ref: ConversationRef;
  /** A conversation that is made for this goes after so long, ms, and nothing of it becomes a memory. */
  readonly temporaryMs?: number;
}
