import type zh from "../zh/try";
import type { Same } from "../same";

export default {
  title: "Try it",
} satisfies Same<typeof zh>;
