export default {
  title: "试一试",
};
