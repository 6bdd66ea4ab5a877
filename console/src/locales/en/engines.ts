import type zh from "../zh/engines";
import type { Same } from "../same";

export default {
  title: "Engines and outbox",
} satisfies Same<typeof zh>;
