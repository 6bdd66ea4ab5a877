import type zh from "../zh/setup";
import type { Same } from "../same";

export default {
  title: "Setup",
} satisfies Same<typeof zh>;
