import type zh from "../zh/webhooks";
import type { Same } from "../same";

export default {
  title: "Webhooks",
} satisfies Same<typeof zh>;
