import type { Schema } from "../../api/client";

export type Kind = Schema<"Kind">;
export type Webhook = Schema<"ShownWebhook">;
export type Delivery = Schema<"ShownDelivery">;

/** Kinds of events that a webhook can choose. Tests come whatever it chooses. */
export const KINDS = [
  "faceEnrolled",
  "facesRemoved",
  "personRemoved",
  "libraryRemoved",
  "recognition",
  "job",
  "engineHealth",
] as const satisfies Kind[];

/** How often an open page looks whether a delivery got on, in milliseconds. */
export const REFRESH_MS = 3_000;
