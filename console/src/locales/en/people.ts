import type zh from "../zh/people";
import type { Same } from "../same";

export default {
  title: "People",
} satisfies Same<typeof zh>;
