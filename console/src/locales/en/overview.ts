import type zh from "../zh/overview";
import type { Same } from "../same";

export default {
  title: "Overview",
} satisfies Same<typeof zh>;
